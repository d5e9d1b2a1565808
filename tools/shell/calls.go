package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/agent"
	"github.com/caprock/caprock/wire/recordio"
)

const (
	recordIO = "application/recordio"
	protobuf = "application/x-protobuf"
)

// send posts a body and returns the answer if it is a success.
func (p *place) send(ctx context.Context, body io.Reader, headers ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", p.api, body)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("agent of task %s: %w", p.task, err)
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return nil, p.explain(resp.StatusCode, strings.TrimSpace(string(text)))
	}
	return resp, nil
}

func (p *place) explain(status int, text string) error {
	if status == 500 && strings.HasPrefix(text, "I/O switchboard") {
		return fmt.Errorf("task %s does not run on a terminal, so there is nothing to attach to; its output is in its sandbox", p.task)
	}
	return fmt.Errorf("agent of task %s answers %d: %s", p.task, status, text)
}

func encode(call *agent.Call) []byte {
	b, err := codec.Protobuf.Append(nil, call)
	if err != nil {
		panic(fmt.Sprintf("BUG: a call cannot be encoded: %v", err))
	}
	return b
}

// stream posts a call whose answer is a stream of ProcessIO.
func (p *place) stream(ctx context.Context, call *agent.Call) (io.ReadCloser, error) {
	resp, err := p.send(ctx, bytes.NewReader(encode(call)), "Content-Type", protobuf, "Accept", recordIO, "Message-Accept", protobuf)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// copyOutput writes what comes to where it belongs.
func copyOutput(from io.Reader, o *Options) error {
	records := recordio.NewReader(from)
	for {
		record, err := records.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var io agent.ProcessIO
		if err := codec.Protobuf.Unmarshal(record, &io); err != nil {
			return err
		}
		if io.GetType() != agent.ProcessIO_DATA {
			continue
		}
		to := o.Stdout
		if io.Data.GetType() == agent.ProcessIO_Data_STDERR {
			to = o.Stderr
		}
		if _, err := to.Write(io.Data.GetData()); err != nil {
			return err
		}
	}
}

// wait returns how a container has ended, once it has.
func (p *place) wait(ctx context.Context, id *mesos.ContainerID) (*agent.Response_WaitContainer, error) {
	call := &agent.Call{Type: agent.Call_WAIT_CONTAINER.Enum(), WaitContainer: &agent.Call_WaitContainer{ContainerId: id}}
	resp, err := p.send(ctx, bytes.NewReader(encode(call)), "Content-Type", protobuf, "Accept", protobuf)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	var answer agent.Response
	if err := codec.Protobuf.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	return answer.GetWaitContainer(), nil
}

func (p *place) remove(ctx context.Context, id *mesos.ContainerID) error {
	call := &agent.Call{Type: agent.Call_REMOVE_CONTAINER.Enum(), RemoveContainer: &agent.Call_RemoveContainer{ContainerId: id}}
	resp, err := p.send(ctx, bytes.NewReader(encode(call)), "Content-Type", protobuf, "Accept", protobuf)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// typeInto sends what the screen's person types, and changes of the window, until
// either side ends. errDetached says that the person wants to leave.
func (p *place) typeInto(ctx context.Context, id *mesos.ContainerID, s *screen) error {
	r, w := io.Pipe()
	left := make(chan error, 1)
	go func() {
		err := s.records(ctx, w, id)
		if !errors.Is(err, errDetached) && err != nil {
			w.CloseWithError(err)
		}
		left <- err
		w.Close()
	}()
	resp, err := p.send(ctx, r, "Content-Type", recordIO, "Message-Content-Type", protobuf, "Accept", protobuf)
	r.Close()
	if err == nil {
		resp.Body.Close()
	}
	select {
	case e := <-left:
		if e != nil {
			return e
		}
	default:
	}
	return err
}
