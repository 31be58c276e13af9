;;; hearthline-explain.el --- A buffer that the model writes into  -*- lexical-binding: t; -*-

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Shows what the language server streams with `hearthline/stream'.
;;
;; Invariant: a buffer that is left or killed while its text is still being
;; written has the writing cancelled.

;;; Code:

(require 'eglot)

(defconst hearthline-explain--name "*Hearthline*"
  "Name of the one buffer for explanations.")

(defvar-local hearthline-explain--id nil
  "Identifier of the stream that is written here, also the token to cancel it.")

(defvar-local hearthline-explain--server nil
  "The server that still writes here, or nil.")

(defvar-keymap hearthline-explain-mode-map
  :doc "Keys in an explanation."
  :parent special-mode-map
  "q" #'hearthline-explain-quit
  "C-c C-k" #'hearthline-explain-cancel)

(define-derived-mode hearthline-explain-mode special-mode "Hearthline"
  "Major mode of an explanation that is being written.
\\{hearthline-explain-mode-map}"
  (visual-line-mode)
  (add-hook 'kill-buffer-hook #'hearthline-explain-cancel nil t))

(defun hearthline-explain-cancel ()
  "Have the model stop writing."
  (interactive)
  (when hearthline-explain--server
    (jsonrpc-notify hearthline-explain--server :window/workDoneProgress/cancel
                    (list :token hearthline-explain--id))
    (setq hearthline-explain--server nil)))

(defun hearthline-explain-quit ()
  "Close the explanation; what is still being written is cancelled."
  (interactive)
  (hearthline-explain-cancel)
  (quit-window))

(defun hearthline-explain-receive (server params)
  "Take PARAMS of a `hearthline/stream' from SERVER."
  (if (equal (plist-get params :state) "begin")
      (hearthline-explain--begin server params)
    (when-let* ((buffer (get-buffer hearthline-explain--name)))
      (with-current-buffer buffer
        (when (and hearthline-explain--server
                   (equal (plist-get params :id) hearthline-explain--id))
          (if (equal (plist-get params :state) "text")
              (hearthline-explain--append (plist-get params :text))
            (hearthline-explain--end params)))))))

(defun hearthline-explain--begin (server params)
  "Open the buffer for the stream of SERVER that begins with PARAMS."
  (with-current-buffer (get-buffer-create hearthline-explain--name)
    (hearthline-explain-cancel)
    (hearthline-explain-mode)
    (let ((inhibit-read-only t))
      (erase-buffer))
    (setq hearthline-explain--id (plist-get params :id)
          hearthline-explain--server server
          header-line-format (concat " " (plist-get params :title))
          mode-line-process " writing")
    (display-buffer (current-buffer))))

(defun hearthline-explain--append (text)
  "Put TEXT behind what there is, without moving point."
  (let ((inhibit-read-only t))
    (save-excursion
      (goto-char (point-max))
      (insert (string-replace "\r\n" "\n" text)))))

(defun hearthline-explain--end (params)
  "Say how the stream ended, by PARAMS."
  (setq hearthline-explain--server nil
        mode-line-process (concat " " (plist-get params :outcome)))
  (when-let* ((words (plist-get params :message)))
    (hearthline-explain--append (propertize (concat "\n" words) 'face 'warning)))
  (force-mode-line-update))

(provide 'hearthline-explain)
;;; hearthline-explain.el ends here
