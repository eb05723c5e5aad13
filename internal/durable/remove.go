package durable

// OpRemove is the removal of a file.
const OpRemove Op = "remove"

// Remove removes a file. It is no error if there is none. The removal is durable only
// after [FS.SyncDir] of the folder: until then a crash can bring the file back.
func (s FS) Remove(path string) error {
	return s.do(OpRemove, path, func() error {
		return s.remove(path)
	})
}
