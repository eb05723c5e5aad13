// Package version tells which version of genbatch is running.
package version

import "runtime/debug"

// Version returns the version of genbatch that is running.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
