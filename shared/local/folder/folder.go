// Package folder is a folder on the disk that one engine keeps: how it is opened,
// what is wrong with it in words a person can act on, and whether the disk has
// room. Store and mailbox have one each. It knows pebble and no keys.
package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Folder is one. It is safe for concurrent use.
type Folder struct {
	dir, what string
	fs        vfs.FS
	reserve   uint64

	mu     sync.Mutex
	looked time.Time // when room was last looked for,
	full   error     // and what was found
}

// defaultReserve is what stays free of the disk where nobody says how much.
const defaultReserve = 64 << 20

// Make makes the folder unless it is there. what is what errors call it; reserve is
// how many bytes of the disk stay free, 0 is 64 MB.
func Make(dir, what string, on vfs.FS, reserve uint64) (*Folder, error) {
	if reserve == 0 {
		reserve = defaultReserve
	}
	f := &Folder{dir: dir, what: what, fs: on, reserve: reserve}
	return f, f.Explain(os.MkdirAll(dir, 0o700))
}

// Lock keeps others out until it is closed.
func (f *Folder) Lock() (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(f.dir, f.fs)
	var errno syscall.Errno
	if err != nil && !errors.As(err, &errno) { // so it fails where the very same process has it
		err = errors.Join(err, syscall.EAGAIN)
	}
	return lock, f.Explain(err)
}

// Open opens the engine with options, to which it adds what all engines here have
// in common. Blocks are not compressed, so that a scan of the folder for the bytes
// of an erased customer finds them if they are there.
func (f *Folder) Open(opts *pebble.Options) (*pebble.DB, error) {
	opts.FS, opts.Logger, opts.FormatMajorVersion = f.fs, logger{f}, pebble.FormatNewest
	for i := range opts.Levels {
		opts.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	db, err := pebble.Open(f.dir, opts)
	return db, f.Explain(err)
}

// Explain says what is wrong with the folder, and what to do.
func (f *Folder) Explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s %s can't be written by user %d (make it writable, or choose another folder): %w", f.what, f.dir, os.Getuid(), err)
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk that holds %s %s is full (free some space): %w", f.what, f.dir, err)
	case errors.Is(err, syscall.EAGAIN):
		return fmt.Errorf("%s %s is in use by another process (stop that one, or choose another folder): %w", f.what, f.dir, err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s %s is no folder (choose another): %w", f.what, f.dir, err)
	default:
		return fmt.Errorf("%s %s can't be opened: %w", f.what, f.dir, err)
	}
}

// lookEvery is how long a look at the disk holds: in that time far less than
// the reserve can be written, and every look is a system call.
const lookEvery = 100 * time.Millisecond

// Full is why nothing may be written now: the disk has no more than its reserve.
func (f *Folder) Full() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) >= lookEvery {
		f.looked, f.full = now, f.lookForRoom()
	}
	return f.full
}

func (f *Folder) lookForRoom() error {
	usage, err := f.fs.GetDiskUsage(f.dir)
	if err != nil {
		return f.Explain(err)
	}
	if usage.AvailBytes >= f.reserve {
		return nil
	}
	return fmt.Errorf("the disk that holds %s %s has %d MB left (free at least %d MB; writing goes on by itself then)",
		f.what, f.dir, usage.AvailBytes>>20, f.reserve>>20)
}

// logger passes the engine's complaints on. After a failed write to its log or
// manifest the engine can't go on: what is acknowledged is safe, so the process
// ends and says why.
type logger struct{ *Folder }

func (logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	slog.Warn(l.what+": "+fmt.Sprintf(format, args...), "folder", l.dir)
}

func (l logger) Fatalf(format string, args ...any) {
	slog.Error(l.what+": the disk failed; nothing acknowledged is lost (look at the disk, then start again): "+
		fmt.Sprintf(format, args...), "folder", l.dir)
	os.Exit(1)
}
