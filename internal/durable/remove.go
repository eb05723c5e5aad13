package durable

// OpRemove is the removal of a file.
const OpRemove Op = "remove"

// Remove removes a file; one that is not there is no error. It is durable when the
// folder has been synced, see [FS.SyncDir]: until then a crash can bring it back.
func (s FS) Remove(path string) error {
	return s.do(OpRemove, path, func() error {
		return remove(path)
	})
}
