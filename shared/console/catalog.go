package console

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow/publish"
)

// Checked answers a check.
type Checked struct {
	Problems []publish.Problem `json:"problems"`
	// Bound is the most messages one customer can get; "" when there are errors.
	Bound string `json:"bound,omitempty"`
}

// Fine says whether the catalog can be published; warnings do not keep it back.
func (c Checked) Fine() bool { return c.Bound != "" }

// Published answers a publish.
type Published struct {
	Release string `json:"release"`
	// Changed is false when this very catalog was live already.
	Changed bool   `json:"changed"`
	Base    string `json:"base"`
	Checked
}

// problemsError: the catalog can't be published.
type problemsError struct{ problems []publish.Problem }

func (e *problemsError) Error() string { return "the catalog has errors: nothing was published" }

func (h *handler) checkCatalog(r *http.Request) (any, error) {
	u, err := readUpload(r)
	if err != nil {
		return nil, err
	}
	_, checked := h.compile(u.files)
	return checked, nil
}

// publishCatalog makes an upload live. Without a base it is taken to be made from
// what is live now.
func (h *handler) publishCatalog(r *http.Request) (any, error) {
	u, err := readUpload(r)
	if err != nil {
		return nil, err
	}
	candidate, checked := h.compile(u.files)
	if candidate == nil {
		return nil, &problemsError{checked.Problems}
	}
	live, err := h.publish.Live(r.Context())
	if err != nil {
		return nil, err
	}
	if u.base == nil {
		u.base = &live
	}
	changed, err := h.publish.Publish(r.Context(), candidate, *u.base)
	var refused *publish.RefusedError
	if errors.As(err, &refused) {
		return nil, &problemsError{refused.Problems}
	}
	if err != nil {
		return nil, err
	}
	return Published{Release: candidate.ID(), Changed: changed, Base: *u.base, Checked: checked}, nil
}

// compile checks a catalog, also against what only this stage knows.
func (h *handler) compile(files fs.FS) (*publish.Candidate, Checked) {
	candidate, problems := publish.Compile(files)
	checked := Checked{Problems: append([]publish.Problem{}, problems...)}
	if candidate == nil {
		return nil, checked
	}
	if outside := candidate.Outside(h.Domain); len(outside) > 0 {
		checked.Problems = append(checked.Problems, outside...)
		return nil, checked
	}
	checked.Bound = candidate.Bound.String()
	return candidate, checked
}

// upload is a catalog as it was sent, and the release it was made from.
type upload struct {
	files fs.FS
	base  *string
}

// Bounds of an upload. The HTTP API takes 10 MB (API Gateway quotas); what it
// unpacks to is bounded as well, so that a small body can't fill the memory.
const (
	maxUpload   = 10 << 20
	maxUnpacked = 64 << 20
	maxFiles    = 5000
)

var errTooLarge = events.Refuse(events.TooLarge, "", "is larger than a catalog may be (%d MB packed, %d MB unpacked, %d files)", maxUpload>>20, maxUnpacked>>20, maxFiles)

// readUpload reads a catalog sent as a zip, with the base in the query, or as JSON
// {"base", "files": {path: text}}.
func readUpload(r *http.Request) (upload, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxUpload+1))
	switch {
	case err != nil:
		return upload{}, events.Refuse(events.InvalidJSON, "", "the body broke off")
	case len(body) > maxUpload:
		return upload{}, errTooLarge
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/zip" {
		u := upload{}
		if q := r.URL.Query(); q.Has("base") {
			base := q.Get("base")
			u.base = &base
		}
		u.files, err = unzip(body)
		return u, err
	}
	return readJSON(body)
}

func readJSON(body []byte) (upload, error) {
	var sent struct {
		Base  *string           `json:"base"`
		Files map[string]string `json:"files"`
	}
	if err := json.Unmarshal(body, &sent); err != nil || len(sent.Files) == 0 {
		return upload{}, events.Refuse(events.InvalidJSON, "", `is neither a zip (application/zip) nor JSON like {"base": "...", "files": {"plan.yaml": "..."}}`)
	}
	pack := newPack()
	for name, text := range sent.Files {
		if err := pack.add(name, []byte(text)); err != nil {
			return upload{}, err
		}
	}
	files, err := pack.files()
	return upload{files: files, base: sent.Base}, err
}

// unzip unpacks within the bounds, whatever the archive says of its sizes.
func unzip(body []byte) (fs.FS, error) {
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return nil, events.Refuse(events.InvalidField, "", "is no zip archive")
	}
	pack := newPack()
	for _, f := range archive.File {
		if f.FileInfo().IsDir() {
			continue
		}
		content, err := readFile(f, maxUnpacked-pack.size)
		if err != nil {
			return nil, err
		}
		if err := pack.add(f.Name, content); err != nil {
			return nil, err
		}
	}
	return pack.files()
}

func readFile(f *zip.File, left int) ([]byte, error) {
	opened, err := f.Open()
	if err != nil {
		return nil, events.Refuse(events.InvalidField, "", "holds a file that can't be unpacked")
	}
	defer opened.Close()
	content, err := io.ReadAll(io.LimitReader(opened, int64(left)+1))
	switch {
	case len(content) > left:
		return nil, errTooLarge
	case err != nil:
		return nil, events.Refuse(events.InvalidField, "", "holds a file that can't be unpacked")
	}
	return content, nil
}

// pack is a file system under way: an uncompressed zip, which the standard library
// can read as one.
type pack struct {
	buffer bytes.Buffer
	zip    *zip.Writer
	size   int
	n      int
}

func newPack() *pack {
	p := new(pack)
	p.zip = zip.NewWriter(&p.buffer)
	return p
}

func (p *pack) add(name string, content []byte) error {
	if !fs.ValidPath(name) {
		return events.Refuse(events.InvalidField, "files", "holds a path that leads out of the catalog")
	}
	if p.size, p.n = p.size+len(content), p.n+1; p.size > maxUnpacked || p.n > maxFiles {
		return errTooLarge
	}
	w, err := p.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

func (p *pack) files() (fs.FS, error) {
	if err := p.zip.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(p.buffer.Bytes()), int64(p.buffer.Len()))
}
