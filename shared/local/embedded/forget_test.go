package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/local/embedded"
)

// marker stands for an erased customer's personal text.
const marker = "dana.the.erased@shop.example"

var big = item.Item{Key: item.C("0", "BIG"), Body: strings.Repeat("y", 300_000)}

// filesWith are the files under dir that hold the text. The lock is left alone:
// closing it would release it (fcntl(2), "record locks").
func filesWith(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && (d.IsDir() || d.Name() == "LOCK") {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the engine has just removed it
		}
		if bytes.Contains(content, []byte(text)) {
			files = append(files, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// erasable fills a folder with a customer who carries the marker in documents,
// keys and lists, amid many others, in old versions as well, and deletes her.
func erasable(t *testing.T, store *embedded.Store) (pk string) {
	t.Helper()
	fill(t, store, 2*trimmable)
	var items []item.Item
	for n := range 20 {
		it := item.Item{Key: item.C("5eca", fmt.Sprintf("EVENT#%s#%d", marker, n)), V: 1, W: marker}
		it.IK, it.IS, it.Body = "due#5", marker+fmt.Sprint(n), marker
		items = append(items, it)
	}
	put := func() {
		for _, it := range items {
			if err := store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
				t.Fatal(err)
			}
		}
	}
	put()
	for range 70 { // push the first versions out of memory into files
		if err := store.Write(context.Background(), flow.Put(big, flow.Any)); err != nil {
			t.Fatal(err)
		}
	}
	put()
	for _, it := range items {
		if err := store.Write(context.Background(), flow.Delete(it.Key, flow.Any)); err != nil {
			t.Fatal(err)
		}
	}
	return items[0].PK
}

func TestA35ForgottenPartitionLeavesNoByteInTheFolder(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir, embedded.Options{NoFsync: true})
	pk := erasable(t, store)
	if len(filesWith(t, dir, marker)) == 0 {
		t.Fatal("the marker is not in the folder before, so this test shows nothing")
	}
	if err := store.Forget(context.Background(), pk); err != nil {
		t.Fatal(err)
	}
	if files := filesWith(t, dir, marker); len(files) > 0 {
		t.Fatalf("the marker is still in %v", files)
	}
	for _, c := range changes(t, store) {
		if c.Key.PK == pk {
			t.Fatalf("the log still tells of %s", c.Key)
		}
	}
	found, err := store.Get(context.Background(), flow.Strong, big.Key)
	if err != nil || found[0] == nil {
		t.Fatalf("another customer's item is gone: %v", err)
	}
}

func TestCompactLeavesNoByteOfWhatIsGone(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir, embedded.Options{NoFsync: true})
	erasable(t, store)
	if err := store.SetPosition("journey", store.Last()); err != nil {
		t.Fatal(err)
	}
	if err := store.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	if files := filesWith(t, dir, marker); len(files) > 0 {
		t.Fatalf("the marker is still in %v", files)
	}
}
