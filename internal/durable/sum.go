package durable

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
)

// A line of JSON with a sum ends in the member crc32c: the CRC-32C (Castagnoli) of all bytes
// before the comma in front of it, as 8 hexadecimal digits. So what a crash has left of a line
// is told from a whole one, and damage from either.
const (
	sumField = `,"crc32c":"`
	sumLen   = len(sumField) + 8 + len(`"}`)
)

// castagnoli is the polynomial of the sums. Processors have an instruction for it, so
// that a scan is as fast as the disk.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendSum ends the line that begins at start in buf, an object without its closing brace,
// with its sum and a line end.
func AppendSum(buf []byte, start int) []byte {
	sum := crc32.Checksum(buf[start:], castagnoli)
	buf = append(buf, sumField...)
	buf = hex.AppendEncode(buf, binary.BigEndian.AppendUint32(nil, sum))
	return append(buf, "\"}\n"...)
}

// VerifySum returns the part of a line that its sum covers. The line comes without its
// line end. ok is false if the sum does not match.
func VerifySum(line []byte) (body []byte, ok bool) {
	n := len(line) - sumLen
	if !HasSum(line) {
		return nil, false
	}
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], crc32.Checksum(line[:n], castagnoli))
	var text [8]byte
	hex.Encode(text[:], sum[:])
	return line[:n], string(line[n+len(sumField):len(line)-2]) == string(text[:])
}

// HasSum reports whether the line ends in a sum, right or wrong.
func HasSum(line []byte) bool {
	n := len(line) - sumLen
	return n > 0 && string(line[n:n+len(sumField)]) == sumField && string(line[len(line)-2:]) == `"}`
}
