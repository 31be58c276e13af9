--- The client configuration as data, for `vim.lsp.enable("hearthline")`.
--- Anything here can be changed with `vim.lsp.config("hearthline", { ... })`.

---@type vim.lsp.Config
return {
  cmd = { "hearthline", "lsp" },
  -- Programming languages, their build files and prose that lives beside code. A file of another type is left alone:
  -- nobody expects a model to be loaded for a mail or a help page.
  -- stylua: ignore
  filetypes = {
    "ada", "asm", "astro", "awk", "bash", "bib", "c", "clojure", "cmake", "cobol", "cpp", "crystal", "cs", "css",
    "cuda", "d", "dart", "dockerfile", "eelixir", "elixir", "elm", "erlang", "eruby", "fennel", "fish", "fortran",
    "fsharp", "gdscript", "gleam", "glsl", "go", "gomod", "graphql", "groovy", "haskell", "hcl", "heex", "html",
    "htmldjango", "idris2", "java", "javascript", "javascriptreact", "jinja", "json", "json5", "jsonc", "julia",
    "just", "kotlin", "less", "lisp", "lua", "make", "markdown", "matlab", "meson", "mojo", "nim", "nix", "objc",
    "objcpp", "ocaml", "odin", "pascal", "perl", "php", "prolog", "proto", "ps1", "purescript", "python", "qml",
    "r", "racket", "raku", "rescript", "rst", "ruby", "rust", "sass", "scala", "scheme", "scss", "sh", "solidity",
    "sql", "starlark", "svelte", "swift", "systemverilog", "tcl", "teal", "terraform", "tex", "toml", "typescript",
    "typescriptreact", "typst", "v", "vala", "verilog", "vhdl", "vim", "vue", "wgsl", "xml", "yaml", "zig", "zsh",
  },
  root_markers = { { ".git", ".hg", ".jj", ".svn" }, { "pyproject.toml", "package.json", "Cargo.toml", "go.mod" } },
  capabilities = {
    -- Neovim says this itself once suggestions are switched on, or never, where the plugin draws them.
    textDocument = { inlineCompletion = { dynamicRegistration = false } },
    experimental = { hearthline = { stream = true, input = true } },
  },
  handlers = {
    ["hearthline/status"] = function(_, params, context)
      require("hearthline.status").receive(context.client_id, params)
    end,
    ["hearthline/stream"] = function(_, params, context)
      require("hearthline.stream").receive(context.client_id, params)
    end,
    ["hearthline/input"] = function(_, params)
      return require("hearthline.input").ask(params.prompt)
    end,
  },
  on_exit = vim.schedule_wrap(function(code, signal, client_id)
    require("hearthline.stream").abandon(client_id)
    require("hearthline.progress").forget(client_id)
    require("hearthline.status").forget(client_id)
    require("hearthline.restart").ended(code, signal)
  end),
}
