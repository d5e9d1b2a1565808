package api

import (
	"errors"
	"io"
	"io/fs"
	"mime"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
)

// maxRead is the most that one read returns: 16 pages, as in Mesos.
const maxRead = 64 << 10

// open opens what a client calls path: the absolute path of something in a sandbox,
// or Mesos' virtual one, /frameworks/<id>/executors/<id>/runs/<id or latest>/….
func (a *server) open(path string) (*os.File, os.FileInfo, error) {
	path = filepath.Clean(path)
	switch {
	case path == logPath && a.LogFile != "":
		return openLog(a.LogFile)
	case strings.HasPrefix(path, "/frameworks/"):
		path = a.virtual(path)
	}
	f, err := a.openAt(path)
	if err != nil {
		return nil, nil, refuseFile(err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, refuseFile(err)
	}
	return f, info, nil
}

// openAt opens what lies at path in a sandbox, or in a volume that it shows. A volume is
// a root of its own: no link leads out of it.
func (a *server) openAt(path string) (*os.File, error) {
	volume, rest, ok, err := a.volumeAt(path)
	if err != nil {
		return nil, err
	}
	if !ok {
		return a.Tree.Open(path)
	}
	defer volume.Close()
	return volume.OpenFile(rest, os.O_RDONLY|sandbox.OpenFlags, 0)
}

// volumeAt opens the volume that path leads into, if it does. It is the caller's to close.
func (a *server) volumeAt(path string) (volume *os.Root, rest string, ok bool, err error) {
	directory := ""
	if err := a.Read(func(c *core.Core) { directory, rest, ok = c.VolumeAt(path) }); err != nil || !ok {
		return nil, "", false, err
	}
	volume, err = os.OpenRoot(directory)
	return volume, rest, true, err
}

// logPath stands for the agent's log, if it goes to a file.
const logPath = "/slave/log"

func openLog(name string) (*os.File, os.FileInfo, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, refuseFile(err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, refuseFile(err)
	}
	return f, info, nil
}

// filesDebug lists the paths that are served: the log, and each sandbox under its
// own path, that of the latest run, and the short name of the latest.
func (a *server) filesDebug(c *httpd.Ctx) {
	paths := map[string]string{}
	if a.LogFile != "" {
		paths[logPath] = a.LogFile
	}
	ok := a.view(c, func(_ *core.Core, v *core.View) {
		for _, f := range append(v.Frameworks[:len(v.Frameworks):len(v.Frameworks)], v.Ended...) {
			for _, e := range append(f.Completed[:len(f.Completed):len(f.Completed)], f.Executors...) {
				paths[e.Directory] = e.Directory
				paths[filepath.Join(filepath.Dir(e.Directory), "latest")] = e.Directory
				paths["/frameworks/"+f.Info.GetId().GetValue()+"/executors/"+e.Info.GetExecutorId().GetValue()+"/runs/latest"] = e.Directory
			}
		}
	})
	if !ok {
		return
	}
	b := []byte{'{'}
	for _, path := range json.SortedKeys(paths, nil) {
		b = text(b, path, paths[path])
	}
	c.ReplyJSON(200, json.End(b))
}

func (a *server) virtual(path string) string {
	agent := ""
	if a.Read(func(c *core.Core) { agent = c.AgentID() }) != nil || agent == "" {
		return path
	}
	return filepath.Join(a.WorkDir, "slaves", agent, path)
}

// refuseFile turns an error of opening into what Mesos answers. What lies outside
// of a sandbox does not exist.
func refuseFile(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return httpd.Refusef(403, "%v", err)
	}
	return httpd.Refusef(404, "")
}

// openFile is open for regular files.
func (a *server) openFile(path, verb string) (*os.File, os.FileInfo, error) {
	f, info, err := a.open(path)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case info.IsDir():
		err = httpd.Refusef(400, "Cannot %s a directory.\n", verb)
	case !info.Mode().IsRegular():
		err = httpd.Refusef(400, "Cannot %s a %s.\n", verb, info.Mode().Type())
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func (a *server) queryPath(c *httpd.Ctx) (string, bool) {
	path := string(c.Query("path"))
	if path == "" {
		c.ReplyText(400, "Expecting 'path=value' in query.\n")
		return "", false
	}
	return path, true
}

// entry is one file of a listing.
type entry struct {
	path     string
	info     os.FileInfo
	nlink    int32
	uid, gid string
}

// list returns the files of the directory at path, none if it is a file.
func (a *server) list(path string) ([]entry, error) {
	f, info, err := a.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !info.IsDir() {
		return nil, nil
	}
	return listOpen(f, path)
}

// listOpen lists an open directory, whose files are told below path.
func listOpen(f *os.File, path string) ([]entry, error) {
	infos, err := f.Readdir(-1)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, httpd.Refusef(400, "%s is not a directory", path)
	}
	if err != nil {
		return nil, httpd.Refusef(500, "%v", err)
	}
	slices.SortFunc(infos, func(x, y os.FileInfo) int { return strings.Compare(x.Name(), y.Name()) })
	names := map[string]string{}
	var entries []entry
	for _, i := range infos {
		e := entry{path: filepath.Join(path, i.Name()), info: i, nlink: 1}
		if st, ok := i.Sys().(*syscall.Stat_t); ok {
			e.nlink = int32(st.Nlink)
			e.uid, e.gid = ownerName(names, "u", st.Uid), ownerName(names, "g", st.Gid)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// ownerName is the name of a user or group, or its number. known spares asking the
// system again.
func ownerName(known map[string]string, kind string, id uint32) string {
	text := strconv.FormatUint(uint64(id), 10)
	if name, ok := known[kind+text]; ok {
		return name
	}
	name := text
	if kind == "u" {
		if u, err := user.LookupId(text); err == nil {
			name = u.Username
		}
	} else if g, err := user.LookupGroupId(text); err == nil {
		name = g.Name
	}
	known[kind+text] = name
	return name
}

func (a *server) browse(c *httpd.Ctx) {
	path, ok := a.queryPath(c)
	if !ok {
		return
	}
	entries, err := a.list(path)
	if err != nil {
		c.ReplyError(err)
		return
	}
	c.ReplyJSON(200, appendEntries(nil, entries))
}

func appendEntries(b []byte, entries []entry) []byte {
	b = append(b, '[')
	for _, e := range entries {
		b = text(append(b, '{'), "gid", e.gid)
		b = text(b, "mode", modeText(e.info.Mode()))
		b = double(b, "mtime", float64(e.info.ModTime().Unix()))
		b = integer(b, "nlink", int64(e.nlink))
		b = text(b, "path", e.path)
		b = integer(b, "size", e.info.Size())
		b = append(json.End(text(b, "uid", e.uid)), ',')
	}
	if len(entries) > 0 {
		b = b[:len(b)-1]
	}
	return append(b, ']')
}

// modeText writes a mode as ls does.
func modeText(m os.FileMode) string {
	kind := byte('-')
	switch {
	case m.IsDir():
		kind = 'd'
	case m&os.ModeSymlink != 0:
		kind = 'l'
	case m&os.ModeNamedPipe != 0:
		kind = 'p'
	case m&os.ModeSocket != 0:
		kind = 's'
	case m&os.ModeCharDevice != 0:
		kind = 'c'
	case m&os.ModeDevice != 0:
		kind = 'b'
	}
	return string(kind) + m.Perm().String()[1:]
}

func (a *server) readFile(c *httpd.Ctx) {
	path, ok := a.queryPath(c)
	if !ok {
		return
	}
	offset, err := number(c, "offset")
	if err != nil {
		c.ReplyError(err)
		return
	}
	length, err := number(c, "length")
	if err != nil {
		c.ReplyError(err)
		return
	}
	f, info, err := a.openFile(path, "read")
	if err != nil {
		c.ReplyError(err)
		return
	}
	defer f.Close()
	data := []byte(nil)
	if offset == -1 {
		offset = info.Size()
	} else if data, err = readAt(f, offset, length); err != nil {
		c.ReplyText(500, err.Error())
		return
	}
	b := text([]byte{'{'}, "data", string(data))
	c.ReplyJSON(200, json.End(integer(b, "offset", offset)))
}

// signedNumber reads a query parameter; 0 if it is absent.
func signedNumber(c *httpd.Ctx, name string) (int64, error) {
	text := c.Query(name)
	if text == nil {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, httpd.Refusef(400, "Failed to convert '%s' to number.\n", text)
	}
	return n, nil
}

// number reads a query parameter; -1 if it is absent or -1.
func number(c *httpd.Ctx, name string) (int64, error) {
	if c.Query(name) == nil {
		return -1, nil
	}
	n, err := signedNumber(c, name)
	if err != nil {
		return 0, err
	}
	if n < -1 {
		return 0, httpd.Refusef(400, "Negative %s provided: %d.\n", name, n)
	}
	return n, nil
}

// readAt reads at most length bytes, and no more than maxRead.
func readAt(f *os.File, offset, length int64) ([]byte, error) {
	if length < 0 || length > maxRead {
		length = maxRead
	}
	data := make([]byte, length)
	n, err := f.ReadAt(data, offset)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return data[:n], nil
}

func (a *server) download(c *httpd.Ctx) {
	path, ok := a.queryPath(c)
	if !ok {
		return
	}
	f, info, err := a.openFile(path, "download")
	if err != nil {
		c.ReplyError(err)
		return
	}
	c.SetStatusCode(200)
	c.SetContentType("application/octet-stream")
	c.SetReplyHeader("Content-Disposition",
		mime.FormatMediaType("attachment", map[string]string{"filename": filepath.Base(path)}))
	c.SetReplyHeader("X-Content-Type-Options", "nosniff")
	// The server closes the file. A log that grows meanwhile is cut at the length
	// that was announced.
	c.SetBodyStream(&limitedFile{Reader: io.LimitReader(f, info.Size()), file: f}, int(info.Size()))
}

type limitedFile struct {
	io.Reader
	file *os.File
}

func (l *limitedFile) Close() error { return l.file.Close() }
