package api

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/caprock/caprock/agent/attach"
	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/agent"
	"github.com/caprock/caprock/wire/recordio"
)

const (
	// heartbeatEvery is the period of heartbeats to those attached to an output.
	heartbeatEvery = 30 * time.Second
	// openTimeout is how long an answer's header may take to be on its way. If that
	// never happens, as the client is gone, what was opened for it is closed.
	openTimeout = 30 * time.Second
	// maxInputRecord bounds one record of an input, in bytes.
	maxInputRecord = 1 << 20
)

// lineOf finds the line of a container's process, or says why there is none.
func (a *server) lineOf(id core.ContainerID) (*attach.Line, error) {
	var kernelID string
	var executor, known bool
	if a.Read(func(c *core.Core) { kernelID, executor, known = c.Attachable(id) }) != nil {
		return nil, httpd.Refusef(503, "Agent is stopping")
	}
	switch {
	case !executor:
		return nil, httpd.Refusef(404, "Container %s cannot be found", id)
	case !known:
		return nil, httpd.Refusef(500, "Unknown container %s", id)
	}
	line := a.Containers.lines.Line(kernelID)
	if line == nil {
		return nil, httpd.Refusef(500, "I/O switchboard server was disabled for this container")
	}
	return line, nil
}

func (a *server) attachOutput(c *httpd.Ctx, id core.ContainerID, m media) {
	line, err := a.lineOf(id)
	if err != nil {
		c.ReplyError(err)
		return
	}
	listener, err := line.Listen()
	if err != nil {
		c.ReplyError(httpd.Refusef(503, "%v", err))
		return
	}
	a.stream(c, listener, m, func() {})
}

// session launches a container and streams its output; it ends with the connection.
func (a *server) session(c *httpd.Ctx, cc *containerCall, id core.ContainerID, m media) {
	end := func() { _ = a.Containers.report(core.EndSession{ID: id}) }
	reply, ok := a.Containers.ask(c,
		func(t core.Token) core.Command { return cc.launchCommand(t, id) },
		func(core.Token) core.Command { return core.EndSession{ID: id} })
	switch {
	case !ok:
		return
	case reply.Status != 200:
		replyStatus(c, reply)
		return
	}
	line := a.Containers.lines.Line(reply.KernelID)
	if line == nil {
		end()
		c.ReplyText(500, "Output of the session is lost")
		return
	}
	listener, err := line.Listen()
	if err != nil {
		end()
		c.ReplyError(httpd.Refusef(503, "%v", err))
		return
	}
	a.stream(c, listener, m, end)
}

// stream answers with what the listener gets. after runs when that is over.
func (a *server) stream(c *httpd.Ctx, listener *attach.Listener, m media, after func()) {
	contentType, headers := m.out.ContentType(), []httpd.Header(nil)
	if m.records {
		contentType, headers = recordIO, []httpd.Header{{Name: "Message-Content-Type", Value: m.out.ContentType()}}
	}
	opened := make(chan struct{})
	var once sync.Once
	finish := func() {
		once.Do(func() {
			listener.Close()
			after()
		})
	}
	timer := a.Clock.NewTimer(openTimeout)
	go func() {
		defer timer.Stop()
		select {
		case <-opened:
		case <-timer.C():
			finish()
		}
	}()
	c.Stream(headers, contentType, func(out *httpd.Stream) {
		close(opened)
		defer finish()
		if listener.Holds() {
			out.Patient() // its process waits as long as it does, and ends with it
		}
		a.pump(out, listener, m.out)
	})
}

// pump sends output until it ends on either side.
func (a *server) pump(out *httpd.Stream, listener *attach.Listener, typ codec.Type) {
	timer := a.Clock.NewTimer(heartbeatEvery)
	defer timer.Stop()
	for {
		chunks, over, err := listener.Take()
		batch := make([][]byte, 0, len(chunks))
		for i := range chunks {
			if b := encodeIO(typ, chunkIO(&chunks[i])); b != nil {
				batch = append(batch, b)
			}
		}
		if len(batch) > 0 && out.SendBatch(batch...) != nil {
			return
		}
		switch {
		case err != nil:
			out.Abort(err)
			return
		case over:
			out.Close()
			return
		}
		select {
		case <-listener.Ready():
		case <-out.Closed():
			return
		case <-timer.C():
			if out.Send(encodeIO(typ, heartbeatIO)) != nil {
				return
			}
			timer.Reset(heartbeatEvery)
		}
	}
}

var heartbeatIO = &agent.ProcessIO{
	Type: agent.ProcessIO_CONTROL.Enum(),
	Control: &agent.ProcessIO_Control{
		Type:      agent.ProcessIO_Control_HEARTBEAT.Enum(),
		Heartbeat: &agent.ProcessIO_Control_Heartbeat{Interval: &mesos.DurationInfo{Nanoseconds: new(int64(heartbeatEvery))}},
	},
}

func chunkIO(c *attach.Chunk) *agent.ProcessIO {
	t := agent.ProcessIO_Data_STDOUT
	if c.Error {
		t = agent.ProcessIO_Data_STDERR
	}
	return &agent.ProcessIO{Type: agent.ProcessIO_DATA.Enum(), Data: &agent.ProcessIO_Data{Type: &t, Data: c.Data}}
}

func encodeIO(typ codec.Type, io *agent.ProcessIO) []byte {
	body, err := typ.Append(nil, io)
	if err != nil {
		return nil
	}
	return recordio.Append(nil, body)
}

// attachInput takes the records of a request for as long as they come. The answer
// comes when they or the container end.
func (a *server) attachInput(c *httpd.Ctx, m media) {
	body, err := c.Incoming()
	if err != nil {
		c.ReplyError(err)
		return
	}
	records := recordio.NewReaderLimit(body, maxInputRecord)
	call, err := nextInput(records, m)
	switch {
	case errors.Is(err, io.EOF):
		err = httpd.Refusef(400, "Received EOF while reading request body")
	case err == nil:
		err = m.allows(call.GetType())
	}
	if err == nil && call.AttachContainerInput.GetType() != agent.Call_AttachContainerInput_CONTAINER_ID {
		err = httpd.Refusef(400, "Expecting 'attach_container_input.type' to be CONTAINER_ID")
	}
	if err != nil {
		c.ReplyError(err)
		return
	}
	line, err := a.lineOf(core.ContainerIDOf(call.AttachContainerInput.ContainerId))
	if err == nil {
		err = typeInto(line, body, records, m)
	}
	if err != nil {
		c.ReplyError(err)
		return
	}
	c.ReplyEmpty(200)
}

// nextInput reads one record; io.EOF is the orderly end.
func nextInput(records *recordio.Reader, m media) (*agent.Call, error) {
	record, err := records.Next()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, httpd.ErrInterrupted):
		return nil, err
	case err != nil:
		return nil, httpd.Refusef(400, "%v", err)
	}
	return m.decode(record)
}

// typeInto gives the records to the process. It returns nil when they end, or when
// there is no process any more.
func typeInto(line *attach.Line, body *httpd.Incoming, records *recordio.Reader, m media) error {
	input, err := line.Input()
	if err != nil {
		return httpd.Refusef(409, "Multiple input connections are not allowed")
	}
	defer input.Close()
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		select {
		case <-line.Done():
			body.Interrupt()
		case <-finished:
		}
	}()
	for {
		call, err := nextInput(records, m)
		if err == nil {
			err = checkProcessIO(call.AttachContainerInput)
		}
		if err == nil {
			err = apply(input, call.AttachContainerInput.ProcessIo)
		}
		switch {
		case err == nil:
		case over(line), errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}

func over(line *attach.Line) bool {
	select {
	case <-line.Done():
		return true
	default:
		return false
	}
}

func apply(input *attach.Input, in *agent.ProcessIO) error {
	if in.GetType() == agent.ProcessIO_DATA {
		if err := input.Write(in.Data.Data); err != nil {
			return httpd.Refusef(500, "Failed writing to stdin: %v", err)
		}
		return nil
	}
	if size := in.Control.GetTtyInfo().GetWindowSize(); size != nil {
		if err := input.SetWindow(size.GetRows(), size.GetColumns()); err != nil {
			return httpd.Refusef(400, "Unable to set the window size: %v", err)
		}
	}
	return nil
}
