package folder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kesher-io/kesher/shared/local/folder"
)

func TestAFolderIsLockedForOneAndFreeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	f, err := folder.Make(dir, "data folder", vfs.Default, 0)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := f.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Lock(); err == nil || !strings.Contains(err.Error(), "data folder "+dir+" is in use") {
		t.Fatalf("locked twice: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := f.Open(&pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAFileInPlaceOfAFolderIsSaidSo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Make(file, "mailbox folder", vfs.Default, 0); err == nil || !strings.Contains(err.Error(), "mailbox folder "+file+" is no folder") {
		t.Fatalf("got %v", err)
	}
}

func TestADiskWithLessThanItsReserveIsFull(t *testing.T) {
	for reserve, full := range map[uint64]bool{1: false, 1 << 62: true} { // no disk has that much to spare
		f, err := folder.Make(t.TempDir(), "data folder", vfs.Default, reserve)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Full(); (err != nil) != full {
			t.Fatalf("reserve %d: %v", reserve, err)
		}
	}
}
