;;; hearthline.el --- A private code assistant, through Eglot  -*- lexical-binding: t; -*-

;; Version: 0.1.0
;; Package-Requires: ((emacs "30.1"))
;; Keywords: convenience, languages
;; URL: https://example.invalid/hearthline
;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Joins Hearthline's language server to Eglot: suggestions in grey behind
;; point, explanations that are written while one reads, and a word in the mode
;; line about how things stand.  README.md beside this file says how to set up.

;;; Code:

(require 'eglot)
(require 'hearthline-explain)
(require 'hearthline-ghost)

(defcustom hearthline-command '("hearthline" "lsp")
  "The command that starts the language server."
  :type '(repeat string)
  :group 'hearthline)

(defcustom hearthline-ghost-text t
  "Whether suggestions are shown in grey behind point.
Otherwise they are items of `completion-at-point'.  Takes effect when the
language server is started."
  :type 'boolean
  :group 'hearthline)

(defconst hearthline-languages
  '((bash-ts-mode . "shellscript") (c++-mode . "cpp") (c++-ts-mode . "cpp")
    (c-mode . "c") (c-ts-mode . "c") (conf-toml-mode . "toml")
    (csharp-mode . "csharp") (csharp-ts-mode . "csharp") (css-mode . "css")
    (css-ts-mode . "css") (go-mode . "go") (go-ts-mode . "go")
    (java-mode . "java") (java-ts-mode . "java") (js-json-mode . "json")
    (js-mode . "javascript") (js-ts-mode . "javascript")
    (json-ts-mode . "json") (kotlin-mode . "kotlin") (lua-mode . "lua")
    (lua-ts-mode . "lua") (mhtml-mode . "html") (php-mode . "php")
    (php-ts-mode . "php") (python-mode . "python") (python-ts-mode . "python")
    (ruby-mode . "ruby") (ruby-ts-mode . "ruby") (rust-mode . "rust")
    (rust-ts-mode . "rust") (sh-mode . "shellscript") (swift-mode . "swift")
    (toml-ts-mode . "toml") (tsx-ts-mode . "typescriptreact")
    (typescript-mode . "typescript") (typescript-ts-mode . "typescript")
    (yaml-mode . "yaml") (yaml-ts-mode . "yaml"))
  "The modes Hearthline is for, with the protocol's names of their languages.")

(defclass hearthline-server (eglot-lsp-server)
  ((status :initform nil :accessor hearthline-server-status
           :documentation "What it last said about itself, a plist."))
  :documentation "Hearthline's language server.")

;;;###autoload
(defun hearthline-contact (&optional _interactive _project)
  "Return how Eglot reaches Hearthline, for `eglot-server-programs'."
  (cons 'hearthline-server hearthline-command))

;;;###autoload
(defun hearthline-enable (&rest modes)
  "Have Eglot start Hearthline in MODES, or in all of `hearthline-languages'."
  (let ((languages (if modes
                       (seq-filter (lambda (each) (memq (car each) modes))
                                   hearthline-languages)
                     hearthline-languages)))
    (push (cons (mapcar (lambda (each) (list (car each) :language-id (cdr each)))
                        languages)
                #'hearthline-contact)
          eglot-server-programs)
    (dolist (each languages)
      (add-hook (intern (format "%s-hook" (car each))) #'eglot-ensure))))

(cl-defmethod eglot-client-capabilities :around ((_server hearthline-server))
  "Announce what this client can do beyond Eglot."
  (let* ((capabilities (cl-call-next-method))
         (document (plist-get capabilities :textDocument)))
    (when hearthline-ghost-text
      (plist-put document :inlineCompletion '(:dynamicRegistration :json-false)))
    (plist-put capabilities :textDocument document)
    (plist-put capabilities :experimental
               '(:hearthline (:stream t :input t)))))

(cl-defmethod eglot-handle-notification
  ((server hearthline-server) (_method (eql hearthline/status)) &rest params)
  "Keep the status of SERVER, which is PARAMS.
Where a person waited for the model to be ready, ask for them again."
  (let ((last (plist-get (hearthline-server-status server) :state)))
    (setf (hearthline-server-status server) params)
    (force-mode-line-update t)
    (when (and (equal (plist-get params :state) "ready")
               (not (member last '("ready" "working"))))
      (hearthline-ghost-ask-again))))

(cl-defmethod eglot-handle-notification
  ((server hearthline-server) (_method (eql hearthline/stream)) &rest params)
  "Show what SERVER streams with PARAMS."
  (hearthline-explain-receive server params))

(cl-defmethod eglot-handle-request
  ((_server hearthline-server) (_method (eql hearthline/input)) &key prompt)
  "Ask the person for a line with PROMPT; nil where they decline."
  (condition-case nil
      (let ((text (string-trim (read-string (concat prompt " ")))))
        (unless (string-empty-p text)
          (list :text text)))
    (quit nil)))

(cl-defmethod eglot-handle-request :before
  ((_server hearthline-server) (_method (eql workspace/applyEdit))
   &key edit &allow-other-keys)
  "Make EDIT one that Emacs can apply.
A file whose folder is missing is read-only to Emacs, and cannot be
edited.  A buffer has bare line feeds, whatever its file has."
  (seq-doseq (change (plist-get edit :documentChanges))
    (when-let* ((uri (plist-get (plist-get change :textDocument) :uri)))
      (make-directory (file-name-directory (eglot-uri-to-path uri)) t))
    (seq-doseq (each (plist-get change :edits))
      (plist-put each :newText
                 (string-replace "\r\n" "\n" (plist-get each :newText))))))

(cl-defmethod eglot-execute ((server hearthline-server) action)
  "Execute ACTION of SERVER; commands that take long are not waited for."
  (let ((command (plist-get action :command)))
    (if (stringp command)
        (hearthline--execute server command (plist-get action :arguments))
      (cl-call-next-method))))

(defun hearthline--execute (server command &optional arguments)
  "Have SERVER execute COMMAND with ARGUMENTS; an error is a message."
  (jsonrpc-async-request
   server :workspace/executeCommand
   `(:command ,command ,@(and arguments (list :arguments arguments)))
   :timeout nil
   :success-fn #'ignore
   :error-fn (lambda (err) (message "Hearthline: %s" (plist-get err :message)))))

(defun hearthline--server ()
  "Return the Hearthline of the current buffer, or signal an error."
  (let ((server (eglot-current-server)))
    (unless (cl-typep server 'hearthline-server)
      (user-error "Hearthline is not at work in this buffer; see `eglot'"))
    server))

(defun hearthline--bounds (&optional is-line)
  "Return beginning and end of the region, else point, or its line if IS-LINE."
  (cond ((use-region-p) (list (region-beginning) (region-end)))
        (is-line (list (pos-bol) (pos-eol)))
        (t (list (point) (point)))))

(defun hearthline--act (kind command &optional is-line)
  "Choose among the code actions of KIND here that run COMMAND.
A single one is taken at once.  IS-LINE: those for the whole line."
  (let* ((server (hearthline--server))
         (bounds (hearthline--bounds is-line))
         (actions (seq-filter
                   (lambda (action)
                     (equal (plist-get (plist-get action :command) :command)
                            command))
                   (eglot-code-actions (car bounds) (cadr bounds) kind)))
         (titles (mapcar (lambda (action) (cons (plist-get action :title) action))
                         actions)))
    (pcase titles
      ('() (user-error "Hearthline offers nothing of this kind here"))
      (`((,_ . ,action)) (eglot-execute server action))
      (_ (eglot-execute
          server
          (cdr (assoc (completing-read "Hearthline: " titles nil t) titles)))))))

(defun hearthline-explain ()
  "Explain the region, or the function or the finding at point."
  (interactive)
  (hearthline--act "hearthline.explain" "hearthline.explain"))

(defun hearthline-ask (question)
  "Ask QUESTION about the region, or the function at point."
  (interactive "sAsk about this code: ")
  (let ((server (hearthline--server))
        (bounds (hearthline--bounds)))
    (eglot--signal-textDocument/didChange)
    (hearthline--execute
     server "hearthline.ask"
     (vector `(,@(eglot--VersionedTextDocumentIdentifier)
               :range (:start ,(eglot--pos-to-lsp-position (car bounds))
                       :end ,(eglot--pos-to-lsp-position (cadr bounds)))
               :question ,question)))))

(defun hearthline-suggest-tests ()
  "Suggest a test of what the function at point does."
  (interactive)
  (hearthline--act "hearthline.tests" "hearthline.suggestTests"))

(defun hearthline-fix ()
  "Let the model mend what is reported on the line."
  (interactive)
  (hearthline--act "quickfix" "hearthline.fix" t))

(defun hearthline-document ()
  "Write documentation for the function at point."
  (interactive)
  (hearthline--act "refactor.rewrite" "hearthline.document"))

(defun hearthline-stop ()
  "Have the server stop what it is working at."
  (interactive)
  (let ((server (hearthline--server)))
    (dolist (token (hash-table-keys (eglot--progress-reporters server)))
      (jsonrpc-notify server :window/workDoneProgress/cancel
                      (list :token token)))))

(defun hearthline-pause ()
  "Suggest nothing until `hearthline-resume'."
  (interactive)
  (hearthline--execute (hearthline--server) "hearthline.pause"))

(defun hearthline-resume ()
  "Suggest again, after `hearthline-pause'."
  (interactive)
  (hearthline--execute (hearthline--server) "hearthline.resume"))

(defun hearthline-show-log ()
  "Open the language server's log."
  (interactive)
  (hearthline--execute (hearthline--server) "hearthline.showLog"))

(defun hearthline-status ()
  "Say how things stand, and why there is no suggestion where there is none."
  (interactive)
  (let ((status (hearthline-server-status (hearthline--server))))
    (message "Hearthline: %s" (or (plist-get status :message) "starting"))))

(defun hearthline--lighter ()
  "Return the word for the mode line: the bare name while all is well."
  (let* ((server (eglot-current-server))
         (status (and (cl-typep server 'hearthline-server)
                      (hearthline-server-status server)))
         (state (plist-get status :state)))
    (cond ((null server) "")
          ((equal state "ready") " Hearthline")
          (t (format " Hearthline:%s" (or state "starting"))))))

(define-minor-mode hearthline-mode
  "Hearthline at work in this buffer."
  :interactive nil
  :lighter (:eval (hearthline--lighter))
  (hearthline-ghost-mode (if (and hearthline-mode hearthline-ghost-text) 1 -1)))

(defun hearthline--manage ()
  "Follow Eglot: be at work where it has Hearthline, and nowhere else."
  (hearthline-mode
   (if (and (eglot-managed-p)
            (cl-typep (eglot-current-server) 'hearthline-server))
       1 -1)))

(add-hook 'eglot-managed-mode-hook #'hearthline--manage)

(provide 'hearthline)
;;; hearthline.el ends here
