// Package disktest holds tests that take the power away from a disk on which genbatch works.
// They need root on Linux, and run when they are asked for:
//
//	cd internal/disktest && GENBATCH_REALDISKS=1 go test -v -timeout 90m .
//
// There are two kinds of disks. One is a block device with a file system of the kernel on
// it, such as ext4 or XFS. The other is a file system of its own, which forgets all that was
// not synced and is allowed to be forgotten, whether or not a real file system would. Both
// are served by the test itself through FUSE. So a cut happens at one moment, and what the
// disk still has after it is known.
//
// A test that is killed leaves file systems mounted: umount -f ends the FUSE file system of a
// disk, after which the file system on it can be unmounted and losetup -d frees its device.
//
// The package is a module of its own, so that genbatch does not depend on FUSE.
package disktest
