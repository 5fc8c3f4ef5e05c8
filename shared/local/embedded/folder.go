package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/kesher-io/kesher/shared/flow"
)

// The engine's memory: enough for the lists that the clock works off, small
// enough for a million waiting runs within 300 MB. What the memtables take, two
// of them, the engine takes out of the cache: were nothing left, every read would
// go to the files. Files are small, so that forgetting one customer rewrites
// little.
const (
	cacheBytes    = 96 << 20
	memTableBytes = 16 << 20
	fileBytes     = 8 << 20
	levels        = 7
)

func (s *Store) openFolder() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return folderError(s.dir, err)
	}
	var err error
	if s.lock, err = pebble.LockDirectory(s.dir, s.fs); err != nil {
		return lockError(s.dir, err)
	}
	if s.db, err = s.openEngine(); err != nil {
		return errors.Join(folderError(s.dir, err), s.lock.Close())
	}
	return nil
}

func (s *Store) openEngine() (*pebble.DB, error) {
	opts := &pebble.Options{
		CacheSize:          cacheBytes,
		FormatMajorVersion: pebble.FormatNewest,
		FS:                 s.fs,
		Lock:               s.lock,
		Logger:             logger{dir: s.dir},
		MemTableSize:       memTableBytes,
	}
	for i := range levels {
		opts.TargetFileSizes[i] = fileBytes
		opts.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
		opts.Levels[i].IndexBlockSize = 256 << 10
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // most first writes ask for what is absent
	}
	return pebble.Open(s.dir, opts)
}

// lockError says why a folder can't be locked. A folder that is in use fails
// with EAGAIN, or, in the very same process, with an error of no kind.
func lockError(dir string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) && errno != syscall.EAGAIN {
		return folderError(dir, err)
	}
	return fmt.Errorf("data folder %s is in use by another process (stop that one, or choose another folder): %w", dir, err)
}

// folderError says what is wrong with a data folder, and what to do.
func folderError(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		return fmt.Errorf("data folder %s can't be written by user %d (make it writable, or choose another folder): %w", dir, os.Getuid(), err)
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk that holds data folder %s is full (free some space): %w", dir, err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("data folder %s is no folder (choose another): %w", dir, err)
	default:
		return fmt.Errorf("data folder %s can't be opened: %w", dir, err)
	}
}

// space is what was last seen of the disk's room; the stager's alone.
type space struct {
	looked time.Time
	full   error
}

// lookEvery is how long a look at the disk holds: in that time far less than
// the reserve can be written, and every look is a system call.
const lookEvery = 100 * time.Millisecond

// full is the error of a write while the disk has no more than its reserve.
func (s *Store) full() error {
	if now := time.Now(); now.Sub(s.space.looked) >= lookEvery {
		s.space = space{now, s.lookForRoom()}
	}
	return s.space.full
}

func (s *Store) lookForRoom() error {
	usage, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		return folderError(s.dir, err)
	}
	if usage.AvailBytes >= s.opts.Reserve {
		return nil
	}
	return fmt.Errorf("%w: the disk that holds data folder %s has %d MB left (free at least %d MB; writing goes on by itself then)",
		flow.ErrThrottled, s.dir, usage.AvailBytes>>20, s.opts.Reserve>>20)
}

// logger passes the engine's complaints on. After a failed write to its log or
// manifest the engine can't go on: what is acknowledged is safe, so the process
// ends and says why.
type logger struct{ dir string }

func (logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	slog.Warn("store: "+fmt.Sprintf(format, args...), "folder", l.dir)
}

func (l logger) Fatalf(format string, args ...any) {
	slog.Error("store: the disk failed; nothing acknowledged is lost (look at the disk, then start again): "+
		fmt.Sprintf(format, args...), "folder", l.dir)
	os.Exit(1)
}
