// Checks of the front end beyond its types: `make js`.
import js from "@eslint/js";
import globals from "globals";

const HTML_PROPERTY = "/^(inner|outer)HTML$/";
const CONSTANT = ":not([right.type='Literal']):not([right.expressions.length=0])";

export default [
  js.configs.recommended,
  {
    files: ["vidcolor/studio/static/**/*.js"],
    languageOptions: { ecmaVersion: 2022, sourceType: "module", globals: globals.browser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "no-undef": "off", // the types know better
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", caughtErrors: "none" }],
      curly: ["error", "multi-line"],
      eqeqeq: "error",
      "no-console": ["error", { allow: ["error"] }],
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-script-url": "error",
      "no-shadow": "error",
      "no-throw-literal": "error",
      "no-unused-expressions": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
      "max-lines": ["error", 400],
      "no-restricted-syntax": [
        "error",
        {
          selector: `AssignmentExpression[left.property.name=${HTML_PROPERTY}]${CONSTANT}`,
          message: "Only constant HTML may be assigned: text of users goes into textContent.",
        },
        {
          selector: "CallExpression[callee.property.name='insertAdjacentHTML']",
          message: "Make elements instead: text of users goes into textContent.",
        },
        {
          selector: ":matches(ImportDeclaration, ImportExpression)[source.value=/^https?:/]",
          message: "Nothing is loaded from other hosts.",
        },
      ],
    },
  },
];
