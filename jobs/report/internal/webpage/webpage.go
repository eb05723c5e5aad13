// Package webpage holds what genbatch's pages share: the style sheet of all of them, and the
// library that draws figures over time.
//
// The library is uPlot 1.6.32 as npm has it, under the MIT License, which stands beside it:
// https://github.com/leeoniya/uPlot. It comes minified from its makers; what is ours is
// embedded as it is written.
package webpage

import _ "embed"

// BaseCSS has the colours, the type and the plain elements of every page.
//
//go:embed assets/base.css
var BaseCSS string

// UPlotCSS is the style sheet of uPlot.
//
//go:embed assets/uplot.css
var UPlotCSS string

// UPlotJS defines the global uPlot.
//
//go:embed assets/uplot.js
var UPlotJS string
