package embedded_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/local/embedded"
)

// wantFolderError demands that dir can't be opened and that the error names it
// and says what to do.
func wantFolderError(t *testing.T, dir, says, advice string) {
	t.Helper()
	store, err := embedded.Open(dir, embedded.Options{})
	if err == nil {
		store.Close()
		t.Fatal("it opened")
	}
	for _, part := range []string{dir, says, advice} {
		if !strings.Contains(err.Error(), part) {
			t.Fatalf("error %q does not say %q", err, part)
		}
	}
}

func TestFolderInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, embedded.Options{})
	wantFolderError(t, dir, "in use", "stop that one")
}

func TestFolderInUseByAnotherProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	cmd, out := child(t, "writer", dir)
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if _, err := out.Read(make([]byte, 1)); err != nil { // it writes, so it has the folder
		t.Fatal(err)
	}
	wantFolderError(t, dir, "in use by another process", "stop that one")
}

func TestFolderIsFreeAgainAfterClose(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		store, err := embedded.Open(dir, embedded.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadOnlyFolderIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Create(filepath.Join(dir, "probe")); err == nil {
		f.Close()
		t.Skip("this user may write to read-only folders")
	}
	wantFolderError(t, dir, "can't be written", "make it writable")
}

func TestFileInPlaceOfFolderIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantFolderError(t, file, "no folder", "choose another")
}

func TestFullDiskRefusesWritesAndKeepsReading(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir, embedded.Options{})
	kept := item.Item{Key: item.C("a", "GATE"), V: 1, W: "w"}
	if err := store.Write(context.Background(), flow.Put(kept, flow.Absent)); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	full := open(t, dir, embedded.Options{Reserve: 1 << 62}) // no disk has that much to spare
	err := full.Write(context.Background(), flow.Delete(kept.Key, flow.Any))
	if !errors.Is(err, flow.ErrThrottled) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "free at least") {
		t.Fatalf("got %v", err)
	}
	found, err := full.Get(context.Background(), flow.Strong, kept.Key)
	if err != nil || found[0] == nil {
		t.Fatalf("got %v, %v", found, err)
	}
}

func TestClosedStoreAnswersEveryCall(t *testing.T) {
	store := open(t, t.TempDir(), embedded.Options{})
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, key := context.Background(), item.C("a", "GATE")
	_, getErr := store.Get(ctx, flow.Strong, key)
	_, queryErr := store.Query(ctx, flow.Query{Table: item.Customers, PK: key.PK})
	writeErr := store.Write(ctx, flow.Delete(key, flow.Any))
	for _, err := range []error{getErr, queryErr, writeErr, store.Compact(ctx)} {
		if err == nil || !strings.Contains(err.Error(), "closed") {
			t.Fatalf("got %v", err)
		}
	}
}
