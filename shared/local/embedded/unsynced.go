package embedded

import "github.com/cockroachdb/pebble/v2/vfs"

// fileSystem is the machine's, or one whose files never wait for the disk.
func fileSystem(noFsync bool) vfs.FS {
	if noFsync {
		return unsyncedFS{vfs.Default}
	}
	return vfs.Default
}

// unsyncedFS hands every write to the operating system and never asks for more,
// which is all that outliving the process takes.
type unsyncedFS struct{ vfs.FS }

func (fs unsyncedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return unsynced(fs.FS.Create(name, c))
}

func (fs unsyncedFS) OpenDir(name string) (vfs.File, error) {
	return unsynced(fs.FS.OpenDir(name))
}

func (fs unsyncedFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return unsynced(fs.FS.OpenReadWrite(name, c, opts...))
}

func (fs unsyncedFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return unsynced(fs.FS.ReuseForWrite(from, to, c))
}

func (fs unsyncedFS) Unwrap() vfs.FS { return fs.FS }

func unsynced(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

type unsyncedFile struct{ vfs.File }

func (unsyncedFile) Sync() error                { return nil }
func (unsyncedFile) SyncData() error            { return nil }
func (unsyncedFile) SyncTo(int64) (bool, error) { return false, nil }
