package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/agent"
	"github.com/caprock/caprock/wire/recordio"
)

// errDetached: the person typed Ctrl-P Ctrl-Q.
var errDetached = errors.New("detached")

var detachKeys = []byte{0x10, 0x11}

// endOfInput is what terminals know the end of input by: Ctrl-D.
const endOfInput = 4

// screen is this side of the conversation: standard input, which is a terminal or
// not, and the size of its window.
type screen struct {
	stdin *os.File
	// passes says that what is typed is passed on; tty that the other side is a
	// terminal.
	passes, tty bool
	// before is the mode of our terminal, to be restored; nil if it was not changed.
	before *unix.Termios
}

// openScreen takes over the terminal here if there will be one there: its keys are
// for that one.
func openScreen(o *Options) (*screen, error) {
	s := &screen{stdin: o.Stdin, passes: o.Interactive, tty: o.TTY}
	if !o.Interactive || !o.TTY {
		return s, nil
	}
	mode, err := unix.IoctlGetTermios(int(o.Stdin.Fd()), unix.TCGETS)
	if err != nil {
		// Input from a pipe or a file is passed on as it is.
		return s, nil
	}
	raw := *mode
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(o.Stdin.Fd()), unix.TCSETS, &raw); err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	s.before = mode
	return s, nil
}

func (s *screen) restore() {
	if s.before != nil {
		_ = unix.IoctlSetTermios(int(s.stdin.Fd()), unix.TCSETS, s.before)
	}
}

// size of the window; 0 by 0 if there is none.
func (s *screen) size() *mesos.TTYInfo_WindowSize {
	w, err := unix.IoctlGetWinsize(int(s.stdin.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		w = &unix.Winsize{}
	}
	return &mesos.TTYInfo_WindowSize{Rows: new(uint32(w.Row)), Columns: new(uint32(w.Col))}
}

// records writes the input of a container as records, to its end.
func (s *screen) records(ctx context.Context, to io.Writer, id *mesos.ContainerID) error {
	in := &agent.Call_AttachContainerInput{Type: agent.Call_AttachContainerInput_CONTAINER_ID.Enum(), ContainerId: id}
	if err := writeInput(to, in); err != nil {
		return err
	}
	if !s.passes {
		if s.tty {
			return nil
		}
		return writeData(to, []byte{})
	}
	resized := make(chan os.Signal, 1)
	if s.tty && s.before != nil {
		signal.Notify(resized, unix.SIGWINCH)
		defer signal.Stop(resized)
		resized <- unix.SIGWINCH // the size that there is now
	}
	keys := readKeys(ctx, s.stdin)
	var last byte
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-resized:
			if err := writeSize(to, s.size()); err != nil {
				return err
			}
		case b, more := <-keys:
			if !more {
				return s.finish(to)
			}
			if s.before != nil && bytes.Contains(append([]byte{last}, b...), detachKeys) {
				return errDetached
			}
			last = b[len(b)-1]
			if err := writeData(to, b); err != nil {
				return err
			}
		}
	}
}

// finish tells that the input is over.
func (s *screen) finish(to io.Writer) error {
	if s.tty {
		return writeData(to, []byte{endOfInput})
	}
	return writeData(to, []byte{})
}

// readKeys reads on a goroutine of its own, which ends with the program or the input.
func readKeys(ctx context.Context, from io.Reader) <-chan []byte {
	keys := make(chan []byte)
	go func() {
		defer close(keys)
		for {
			buf := make([]byte, 4<<10)
			n, err := from.Read(buf)
			if n > 0 {
				select {
				case keys <- buf[:n]:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return keys
}

func writeInput(to io.Writer, in *agent.Call_AttachContainerInput) error {
	call := &agent.Call{Type: agent.Call_ATTACH_CONTAINER_INPUT.Enum(), AttachContainerInput: in}
	_, err := to.Write(recordio.Append(nil, encode(call)))
	return err
}

func writeIO(to io.Writer, io *agent.ProcessIO) error {
	return writeInput(to, &agent.Call_AttachContainerInput{Type: agent.Call_AttachContainerInput_PROCESS_IO.Enum(), ProcessIo: io})
}

func writeData(to io.Writer, b []byte) error {
	return writeIO(to, &agent.ProcessIO{Type: agent.ProcessIO_DATA.Enum(),
		Data: &agent.ProcessIO_Data{Type: agent.ProcessIO_Data_STDIN.Enum(), Data: b}})
}

func writeSize(to io.Writer, size *mesos.TTYInfo_WindowSize) error {
	return writeIO(to, &agent.ProcessIO{Type: agent.ProcessIO_CONTROL.Enum(),
		Control: &agent.ProcessIO_Control{Type: agent.ProcessIO_Control_TTY_INFO.Enum(), TtyInfo: &mesos.TTYInfo{WindowSize: size}}})
}
