// Package live serves a page on which one sees how a run goes on, and steers it. [Listen] begins
// that, and [Server.Address] is what its user opens.
//
// The page is for the user of this machine alone. It is served on a loopback address, and its
// address holds a token, without which nothing is told or done. The token stands behind the
// "#", so that browsers send it nowhere; the page sends it in a header. A page of another
// site cannot steer the run: it does not know the token, browsers do not let it send that
// header here, and what they say of where a request comes from is heeded as well. What cannot
// be had from a browser is refused too: another name for this machine in the Host header, as
// in DNS rebinding.
//
// The assets are embedded as they are written: page.html, live.css, and the JavaScript modules
// live.js (what happens when), view.js (what is shown) and charts.js (figures over time). What
// comes from the run is set as text, never as HTML.
package live
