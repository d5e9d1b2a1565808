package checkpoint

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A frame is a little-endian length (4 bytes), the CRC-32C of length and payload
// (4 bytes), and the payload. Covering the length with the checksum makes a
// damaged length look like a damaged frame and not like a long one.
const (
	frameHeader = 8
	// MaxRecord is the longest payload of a frame, in bytes.
	MaxRecord = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errTorn   = errors.New("record is cut short")
	errDamage = errors.New("checksum of record does not match")
)

func appendFrame(dst, payload []byte) []byte {
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(payload)))
	dst = append(dst, length[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, frameSum(length[:], payload))
	return append(dst, payload...)
}

func frameSum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, payload)
}

// nextFrame splits the first frame off data. size is how many bytes the frame
// says it takes, also for errDamage, so that a reader can try what follows.
func nextFrame(data []byte) (payload []byte, size int, err error) {
	if len(data) < frameHeader {
		return nil, 0, errTorn
	}
	n := int(binary.LittleEndian.Uint32(data))
	if n > MaxRecord || n > len(data)-frameHeader {
		return nil, 0, errTorn
	}
	size = frameHeader + n
	payload = data[frameHeader:size]
	if frameSum(data[:4], payload) != binary.LittleEndian.Uint32(data[4:]) {
		return nil, size, errDamage
	}
	return payload, size, nil
}
