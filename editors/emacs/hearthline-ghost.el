;;; hearthline-ghost.el --- Suggestions in grey behind point  -*- lexical-binding: t; -*-

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Asks the language server for `textDocument/inlineCompletion' while a person
;; types, shows the answer as an overlay, and puts it in, whole or in parts.
;;
;; Invariant: what is shown goes on from point, word for word, in the buffer as
;; it is; a key that the suggestion does not say takes it away at once.

;;; Code:

(require 'eglot)

(defgroup hearthline nil
  "A private code assistant on your own machine."
  :group 'tools)

(defface hearthline-ghost '((t :inherit shadow))
  "Face of a suggestion that has not been accepted.")

(defvar-local hearthline-ghost--overlay nil
  "The overlay that shows the suggestion, or nil.")

(defvar-local hearthline-ghost--items nil
  "The texts to choose from, as they were answered.")

(defvar-local hearthline-ghost--index 0
  "Which of `hearthline-ghost--items' is shown.")

(defvar-local hearthline-ghost--start nil
  "Marker of the place that the suggestion was made for.")

(defvar-local hearthline-ghost--asked 0
  "Number of the newest request; the answers to older ones are dropped.")

(defvar-local hearthline-ghost--place nil
  "Where the newest request was made for.")

(defvar-local hearthline-ghost--tick nil
  "The buffer's modification tick after the last command.")

(defvar-keymap hearthline-ghost-active-map
  :doc "Keys while a suggestion is shown."
  "TAB" #'hearthline-accept
  "<tab>" #'hearthline-accept
  "M-<right>" #'hearthline-accept-word
  "M-<down>" #'hearthline-accept-line
  "C-g" #'hearthline-dismiss
  "M-n" #'hearthline-next
  "M-p" #'hearthline-previous)

(define-minor-mode hearthline-ghost--active-mode
  "Enabled while a suggestion is shown."
  :interactive nil
  :keymap hearthline-ghost-active-map)

;;;###autoload
(define-minor-mode hearthline-ghost-mode
  "Show what Hearthline suggests, in grey behind point."
  :lighter nil
  (if hearthline-ghost-mode
      (progn
        (setq hearthline-ghost--tick (buffer-chars-modified-tick))
        (add-hook 'post-command-hook #'hearthline-ghost--follow nil t))
    (remove-hook 'post-command-hook #'hearthline-ghost--follow t)
    (hearthline-ghost--forget)))

(defun hearthline-ghost--rest ()
  "Return what is left of the suggestion at point, or nil."
  (when-let* ((text (nth hearthline-ghost--index hearthline-ghost--items))
              (start (and hearthline-ghost--start
                          (marker-position hearthline-ghost--start)))
              ((<= (point-min) start (point)))
              ((< (- (point) start) (length text)))
              (typed (buffer-substring-no-properties start (point)))
              ((string-prefix-p typed text)))
    (substring text (length typed))))

(defun hearthline-ghost--forget ()
  "Show no suggestion, and take no answer that is still to come."
  (setq hearthline-ghost--items nil)
  (cl-incf hearthline-ghost--asked)
  (hearthline-ghost--redraw))

(defun hearthline-ghost--redraw ()
  "Show what is left of the suggestion at point, or nothing."
  (let ((rest (hearthline-ghost--rest)))
    (unless rest
      (setq hearthline-ghost--items nil))
    (when (or rest hearthline-ghost--overlay)
      (hearthline-ghost--show rest))
    (unless (eq (and rest t) hearthline-ghost--active-mode)
      (hearthline-ghost--active-mode (if rest 1 -1)))))

(defun hearthline-ghost--show (text)
  "Draw TEXT behind point; nothing where it is nil."
  (if (null text)
      (progn
        (delete-overlay hearthline-ghost--overlay)
        (setq hearthline-ghost--overlay nil))
    (unless hearthline-ghost--overlay
      (setq hearthline-ghost--overlay (make-overlay (point) (point) nil t)))
    (move-overlay hearthline-ghost--overlay (point) (point))
    (let ((shown (propertize text 'face 'hearthline-ghost)))
      ;; Without it the cursor stands behind the suggestion.
      (put-text-property 0 1 'cursor t shown)
      (overlay-put hearthline-ghost--overlay 'after-string shown))))

(defun hearthline-ghost--follow ()
  "After a command: keep the suggestion if it still fits, and ask for another."
  (let ((tick (buffer-chars-modified-tick)))
    (hearthline-ghost--redraw)
    (unless (eq tick hearthline-ghost--tick)
      (setq hearthline-ghost--tick tick)
      (hearthline-ghost--ask 2))))

(defun hearthline-ghost--ask (kind &optional then)
  "Ask for suggestions at point.
KIND is 1 where the person asked, 2 where they type.  THEN is called once they
are shown."
  (when-let* ((server (eglot-current-server))
              ((eglot-server-capable :inlineCompletionProvider)))
    (eglot--signal-textDocument/didChange)
    (setq hearthline-ghost--place (point))
    (let ((buffer (current-buffer))
          (number (cl-incf hearthline-ghost--asked))
          (start (point)))
      (jsonrpc-async-request
       server :textDocument/inlineCompletion
       (append (eglot--TextDocumentPositionParams)
               `(:context (:triggerKind ,kind)))
       :timeout nil
       :error-fn #'ignore ; withdrawn, because a newer one came
       :success-fn
       (lambda (answer)
         (when (buffer-live-p buffer)
           (with-current-buffer buffer
             (when (= number hearthline-ghost--asked)
               (hearthline-ghost--receive answer start)
               (when then (funcall then))))))))))

(defun hearthline-ghost-ask-again ()
  "Where the person has waited for a suggestion since their last key, ask again."
  (with-current-buffer (window-buffer)
    (when (and hearthline-ghost-mode
               (null hearthline-ghost--items)
               (eql hearthline-ghost--place (point)))
      (hearthline-ghost--ask 2))))

(defun hearthline-ghost--receive (answer start)
  "Show the ANSWER to what was asked about START."
  (setq hearthline-ghost--items
        (mapcar (lambda (item) (plist-get item :insertText))
                (if (vectorp answer) answer (plist-get answer :items)))
        hearthline-ghost--index 0
        hearthline-ghost--start (copy-marker start))
  (hearthline-ghost--redraw))

(defun hearthline-ghost--accept (pattern)
  "Put in what PATTERN matches at the beginning of the suggestion."
  (when-let* ((rest (hearthline-ghost--rest)))
    (insert (if (string-match pattern rest) (match-string 0 rest) rest))
    (hearthline-ghost--redraw)))

(defun hearthline-accept ()
  "Accept the suggestion."
  (interactive)
  (hearthline-ghost--accept "\\`\\(?:.\\|\n\\)*"))

(defun hearthline-accept-word ()
  "Accept the next word of the suggestion."
  (interactive)
  (hearthline-ghost--accept
   "\\`[[:space:]\n]*\\(?:[[:alnum:]_]+\\|[^[:alnum:]_[:space:]\n]+\\)"))

(defun hearthline-accept-line ()
  "Accept the next line of the suggestion."
  (interactive)
  (hearthline-ghost--accept "\\`\n*[^\n]*"))

(defun hearthline-dismiss ()
  "Take the suggestion away until the next key."
  (interactive)
  (hearthline-ghost--forget))

(defun hearthline-suggest ()
  "Ask for suggestions at point, several to choose from."
  (interactive)
  (hearthline-ghost--ask 1))

(defun hearthline-ghost--turn (count)
  "Show the suggestion COUNT places further; ask for more where there is but one."
  (let ((n (length hearthline-ghost--items)))
    (if (> n 1)
        (progn
          (setq hearthline-ghost--index (mod (+ hearthline-ghost--index count) n))
          (hearthline-ghost--redraw)
          (message "%d/%d" (1+ hearthline-ghost--index) n))
      (hearthline-ghost--ask
       1 (lambda ()
           (when (length> hearthline-ghost--items 1)
             (hearthline-ghost--turn count)))))))

(defun hearthline-next ()
  "Show the next suggestion."
  (interactive)
  (hearthline-ghost--turn 1))

(defun hearthline-previous ()
  "Show the suggestion before."
  (interactive)
  (hearthline-ghost--turn -1))

(provide 'hearthline-ghost)
;;; hearthline-ghost.el ends here
