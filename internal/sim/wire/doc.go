// Package wire knows the protocol of the Gemini API as its servers speak it: what a
// request may hold and when it is refused, the errors, the dialects, the models and
// how tokens are counted. It answers nothing and serves nothing.
package wire
