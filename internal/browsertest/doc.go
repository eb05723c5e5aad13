// Package browsertest looks at genbatch's pages with a real browser, Chromium without a
// screen: what the pages show, that their controls do what they say, and that nothing which
// came from rows or models is run. It drives the program as a user has it, a binary.
//
// The tests skip where there is no Chromium, and say how to get it. GENBATCH_CHROMIUM names
// the program if it is not called chromium, chromium-browser or google-chrome.
//
// It is a module of its own, so that those who use genbatch do not get what drives browsers.
package browsertest
