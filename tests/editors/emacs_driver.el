;;; emacs_driver.el --- Plays the steps of a test in a batch Emacs  -*- lexical-binding: t; -*-

;;; Commentary:

;; $HEARTHLINE_PLAY names a JSON file { "steps": [...], "deadline_ms": n,
;; "report": path }.  A step is an object whose key is the name of one of the
;; `driver-steps'; it may have a deadline_ms of its own beside it.  Each waits
;; for its condition; the first one that is not met within the deadline ends the
;; play.  Written: one { "ok", "seen", "ms" } for each step that ran.

;;; Code:

(require 'cl-lib)
(require 'flymake)

(defvar driver-said nil "Messages, the newest first.")

(define-advice message (:before (format &rest arguments) driver)
  "Remember what is said."
  (when format
    (push (apply #'format-message format arguments) driver-said)))

;; Batch Emacs would read the answer from stdin.
(define-advice read-string (:override (_prompt &rest _) driver)
  "Answer what the person of these tests always asks."
  "why?")

(define-advice completing-read (:override (_prompt collection &rest _) driver)
  "Choose the first."
  (let ((first (car collection)))
    (if (consp first) (car first) first)))

(defun driver-ghost ()
  "Return what is drawn as ghost text in the current buffer."
  (let ((overlay (bound-and-true-p hearthline-ghost--overlay)))
    (and overlay (overlay-buffer overlay)
         (list :text (substring-no-properties (overlay-get overlay 'after-string))
               :line (line-number-at-pos (overlay-start overlay))
               :column (save-excursion (goto-char (overlay-start overlay))
                                       (current-column))))))

(defvar driver-steps
  `((attached . ,(lambda (_)
                   (cons (bound-and-true-p hearthline-mode) hearthline-mode)))
    (keys . ,(lambda (keys)
               (execute-kbd-macro (kbd keys))
               (cons t keys)))
    (ghost . ,(lambda (wanted)
                (cons (equal (plist-get (driver-ghost) :text) wanted) (driver-ghost))))
    (any_ghost . ,(lambda (_) (cons (driver-ghost) (driver-ghost))))
    (no_ghost . ,(lambda (_) (cons (null (driver-ghost)) (driver-ghost))))
    (text . ,(lambda (wanted)
               (let ((seen (buffer-substring-no-properties (point-min) (point-max))))
                 (cons (equal seen wanted) seen))))
    (said . ,(lambda (wanted)
               (cons (seq-some (lambda (each) (string-search wanted each)) driver-said)
                     (vconcat driver-said))))
    (expression . ,(lambda (source)
                     (let ((seen (eval (car (read-from-string source)) t)))
                       (cons seen (format "%S" seen))))))
  "Each returns whether its condition is met now, and what it saw.")

(defun driver-run (name wanted deadline)
  "Wait until step NAME is met with WANTED, DEADLINE seconds at most."
  (let ((started (float-time)) met seen)
    (while (and (not met) (or (null seen) (< (- (float-time) started) deadline)))
      (pcase-setq `(,met . ,seen)
                  (condition-case failure
                      (funcall (alist-get name driver-steps) wanted)
                    (error (cons nil (format "%S" failure)))))
      (setq seen (or seen :null))
      (unless met
        (accept-process-output nil 0.02)))
    (list :ok (if met t :false) :seen seen :ms (* 1000 (- (float-time) started)))))

;; Batch Emacs runs no command by itself, and Eglot starts after one.
(switch-to-buffer (seq-find #'buffer-file-name (buffer-list)))
(execute-kbd-macro (kbd "C-a"))

(let* ((play (with-temp-buffer
               (insert-file-contents (getenv "HEARTHLINE_PLAY"))
               (json-parse-buffer :object-type 'alist :array-type 'list)))
       (results
        (cl-loop for step in (alist-get 'steps play)
                 for deadline = (/ (or (alist-get 'deadline_ms step)
                                       (alist-get 'deadline_ms play))
                                   1000.0)
                 for (found . value) = (car (assq-delete-all 'deadline_ms (copy-alist step)))
                 for result = (driver-run found value deadline)
                 collect result
                 while (eq (plist-get result :ok) t))))
  (with-temp-file (alist-get 'report play)
    (insert (json-serialize (vconcat results) :false-object :false)))
  (set-buffer-modified-p nil)
  (kill-emacs 0))

;;; emacs_driver.el ends here
