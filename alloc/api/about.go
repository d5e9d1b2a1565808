package api

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/caprock/caprock/wire/build"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
)

func (s *Server) versionInfo() *mesos.VersionInfo { return build.Info(s.opts.Version) }

func (s *Server) getFlags() *master.Response_GetFlags {
	r := &master.Response_GetFlags{}
	for i := range s.opts.Flags {
		f := &s.opts.Flags[i]
		r.Flags = append(r.Flags, &mesos.Flag{Name: &f.Name, Value: &f.Value})
	}
	return r
}

// logPath is the one virtual file: the log, if it goes to a file.
const logPath = "/master/log"

// readLimit bounds one READ_FILE: 16 pages, as in Mesos.
const readLimit = 16 * 4096

func (s *Server) listFiles(c *httpd.Ctx, t codec.Type, call *master.Call_ListFiles) {
	if call.GetPath() != logPath || s.opts.LogFile == "" {
		c.ReplyText(404, "")
		return
	}
	s.respond(c, t, &master.Response{Type: master.Response_LIST_FILES.Enum(), ListFiles: &master.Response_ListFiles{}})
}

func (s *Server) readFile(c *httpd.Ctx, t codec.Type, call *master.Call_ReadFile) {
	if call.GetPath() != logPath || s.opts.LogFile == "" {
		c.ReplyText(404, "")
		return
	}
	length := uint64(readLimit)
	if call.Length != nil {
		length = min(length, call.GetLength())
	}
	size, data, err := readAt(s.opts.LogFile, call.GetOffset(), int(length))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.ReplyText(404, "")
	case err != nil:
		c.ReplyText(500, err.Error())
	default:
		s.respond(c, t, &master.Response{
			Type:     master.Response_READ_FILE.Enum(),
			ReadFile: &master.Response_ReadFile{Size: &size, Data: data},
		})
	}
}

// readAt returns the size of a file and up to length bytes at offset; none if
// that is beyond its end.
func readAt(path string, offset uint64, length int) (size uint64, data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, nil, err
	}
	size, data = uint64(info.Size()), []byte{}
	if offset >= size {
		return size, data, nil
	}
	var b bytes.Buffer
	_, err = io.CopyN(&b, io.NewSectionReader(f, int64(offset), int64(length)), int64(length))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return size, b.Bytes(), err
}
