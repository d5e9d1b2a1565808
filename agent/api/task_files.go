package api

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/logs"
	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/wire/httpd"
)

// The files of a task, by its ids rather than by a path of this machine: what
// clients, and the allocator for them, use to read logs.
//
//	GET /tasks/files?framework_id=&task_id=[&path=]             what is in its sandbox
//	GET /tasks/file?framework_id=&task_id=&path=[&offset=][&follow=true]   one file, raw
//
// The header Caprock-Offset says where in the file the answer begins.
//
// A task is found until its sandbox is collected.

// offsetHeader tells where in the file the answer begins, in bytes: a reader that was
// cut off can ask for what follows.
const offsetHeader = "Caprock-Offset"

const (
	// maxFollowers bounds the files that are read as they grow.
	maxFollowers = 64
	// followEvery is how often such a file is looked at.
	followEvery = 200 * time.Millisecond
	followChunk = 64 << 10
)

// place is what a query for a file of a task names: a path in its sandbox, or in a
// volume that is shown there.
type place struct {
	task taskRef
	root *os.Root
	path string // in root
	said string // what the query calls it
}

// taskPlace opens the sandbox or volume that the query leads to. The error is the
// answer.
func (a *server) taskPlace(c *httpd.Ctx) (p place, err error) {
	if !c.IsMethod("GET", "HEAD") {
		return p, httpd.Refusef(405, "got %s, want GET", c.Method())
	}
	where := taskRef{string(c.Query("framework_id")), string(c.Query("task_id"))}
	if where.framework == "" || where.task == "" {
		return p, httpd.Refusef(400, "got framework_id %q and task_id %q, want both", where.framework, where.task)
	}
	path, err := relative(string(c.Query("path")))
	if err != nil {
		return p, err
	}
	p = place{task: where, path: path, said: path}
	directory, _, known := a.locate(where)
	if !known {
		return p, httpd.Refusef(404, "task %s of framework %s is not known here, or its sandbox was collected", where.task, where.framework)
	}
	volume, rest, shown, err := a.volumeAt(filepath.Join(directory, path))
	if shown {
		p.root, p.path = volume, rest
	} else if err == nil {
		p.root, err = a.Tree.OpenRoot(directory)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return p, httpd.Refusef(404, "task %s of framework %s has no sandbox yet, or not any more", where.task, where.framework)
	}
	if err != nil {
		return p, httpd.Refusef(500, "%v", err)
	}
	return p, nil
}

// taskRef names a task.
type taskRef struct{ framework, task string }

func (a *server) locate(t taskRef) (directory string, running, known bool) {
	if a.Read(func(co *core.Core) { directory, running, known = co.TaskSandbox(t.framework, t.task) }) != nil {
		return "", false, false
	}
	return directory, running, known
}

// relative checks a path in a sandbox. It is resolved below the sandbox in any case.
func relative(path string) (string, error) {
	if path == "" {
		path = "."
	}
	if !filepath.IsLocal(path) {
		return "", httpd.Refusef(400, "got path %q, want one relative to the task's sandbox", path)
	}
	return filepath.Clean(path), nil
}

func (a *server) taskFiles(c *httpd.Ctx) {
	p, err := a.taskPlace(c)
	if err != nil {
		c.ReplyError(err)
		return
	}
	defer p.root.Close()
	f, err := openIn(p.root, p.path)
	if err != nil {
		c.ReplyError(err)
		return
	}
	defer f.Close()
	entries, err := listOpen(f, p.said)
	if err != nil {
		c.ReplyError(err)
		return
	}
	c.ReplyJSON(200, appendEntries(nil, entries))
}

// openIn opens what path names in a sandbox, without waiting for the writer of a pipe.
func openIn(box *os.Root, path string) (*os.File, error) {
	f, err := box.OpenFile(path, os.O_RDONLY|sandbox.OpenFlags, 0)
	if err != nil {
		return nil, refuseFile(err)
	}
	return f, nil
}

func (a *server) taskFile(c *httpd.Ctx) {
	p, err := a.taskPlace(c)
	if err != nil {
		c.ReplyError(err)
		return
	}
	defer p.root.Close()
	f, err := openIn(p.root, p.path)
	if err != nil {
		c.ReplyError(err)
		return
	}
	offset, err := a.start(c, f)
	if err != nil {
		f.Close()
		c.ReplyError(err)
		return
	}
	// What a task wrote must not become a page of this origin.
	headers := []httpd.Header{
		{Name: "X-Content-Type-Options", Value: "nosniff"}, {Name: "Cache-Control", Value: "no-store"},
		{Name: offsetHeader, Value: strconv.FormatInt(offset, 10)},
	}
	const kind = "text/plain; charset=utf-8"
	if string(c.Query("follow")) != "true" {
		a.sendFile(c, f, offset, kind, headers)
		return
	}
	if a.followers.Add(1) > maxFollowers {
		a.followers.Add(-1)
		f.Close()
		c.SetReplyHeader("Retry-After", "5")
		c.ReplyText(503, "too many files are being followed")
		return
	}
	again, err := p.root.OpenRoot(".")
	if err != nil {
		a.followers.Add(-1)
		f.Close()
		c.ReplyError(httpd.Refusef(500, "%v", err))
		return
	}
	follower := &follower{server: a, task: p.task, file: f, box: again, name: p.path, offset: offset}
	c.Stream(headers, kind, func(st *httpd.Stream) { go follower.run(st) })
}

// start is where in the file to begin: offset, or that many bytes before the end
// if it is negative.
func (a *server) start(c *httpd.Ctx, f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, refuseFile(err)
	}
	if !info.Mode().IsRegular() {
		return 0, httpd.Refusef(400, "got path %q, which is %s, want that of a regular file", c.Query("path"), kindOf(info.Mode()))
	}
	offset, err := signedNumber(c, "offset")
	if err != nil {
		return 0, err
	}
	if offset < 0 {
		return max(0, info.Size()+offset), nil
	}
	return min(offset, info.Size()), nil
}

// kindOf names what is no regular file.
func kindOf(mode os.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&os.ModeNamedPipe != 0:
		return "a pipe"
	case mode&os.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// sendFile answers with the rest of the file as long as it is now.
func (a *server) sendFile(c *httpd.Ctx, f *os.File, offset int64, kind string, headers []httpd.Header) {
	info, err := f.Stat()
	if err == nil {
		_, err = f.Seek(offset, io.SeekStart)
	}
	if err != nil {
		f.Close()
		c.ReplyError(httpd.Refusef(500, "%v", err))
		return
	}
	rest := max(0, info.Size()-offset)
	c.SetStatusCode(200)
	c.SetContentType(kind)
	for _, h := range headers {
		c.SetReplyHeader(h.Name, h.Value)
	}
	c.SetBodyStream(&limitedFile{Reader: io.LimitReader(f, rest), file: f}, int(rest))
}

// follower sends a file as it grows, until its task is over.
type follower struct {
	server *server
	task   taskRef
	file   *os.File
	box    *os.Root
	name   string
	offset int64
	size   int64 // when last looked at
}

func (f *follower) run(st *httpd.Stream) {
	defer f.server.followers.Add(-1)
	defer f.box.Close()
	defer func() { f.file.Close() }()
	defer st.Close()
	timer := f.server.Clock.NewTimer(followEvery)
	defer timer.Stop()
	for {
		// Asked before reading: what a task prints last is read after it is over.
		_, running, _ := f.server.locate(f.task)
		if f.drain(st) != nil || !running {
			return
		}
		timer.Reset(followEvery)
		select {
		case <-timer.C():
		case <-st.Closed():
			return
		}
	}
}

// drain sends what was added since.
func (f *follower) drain(st *httpd.Stream) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < f.size {
		f.offset = logs.Shortened(f.box, f.name, f.offset, info.Size())
	}
	f.size = info.Size()
	buf := make([]byte, min(followChunk, max(0, f.size-f.offset)))
	for f.offset < f.size {
		n, err := f.file.ReadAt(buf, f.offset)
		if n == 0 {
			if err == io.EOF {
				return nil
			}
			return err
		}
		if err := st.Send(buf[:n]); err != nil {
			return err
		}
		f.offset += int64(n)
	}
	return nil
}
