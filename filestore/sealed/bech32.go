package sealed

import (
	"encoding/base64"
	"strings"
)

const bech32Letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// bech32 writes data as age writes its keys: Bech32 (BIP 173), in capitals.
func bech32(prefix string, data []byte) string {
	values := fives(data)
	var check []byte
	for _, c := range prefix {
		check = append(check, byte(c)>>5)
	}
	check = append(check, 0)
	for _, c := range prefix {
		check = append(check, byte(c)&31)
	}
	check = append(append(check, values...), 0, 0, 0, 0, 0, 0)
	sum := bech32Sum(check) ^ 1
	for i := range 6 {
		values = append(values, byte(sum>>(5*(5-i)))&31)
	}
	var b strings.Builder
	b.WriteString(prefix + "1")
	for _, v := range values {
		b.WriteByte(bech32Letters[v])
	}
	return strings.ToUpper(b.String())
}

// fives cuts data into pieces of five bits, the last filled with zeros.
func fives(data []byte) (values []byte) {
	acc, n := uint32(0), 0
	for _, b := range data {
		acc, n = acc<<8|uint32(b), n+8
		for n >= 5 {
			n -= 5
			values = append(values, byte(acc>>n)&31)
		}
	}
	if n > 0 {
		values = append(values, byte(acc<<(5-n))&31)
	}
	return values
}

func bech32Sum(values []byte) uint32 {
	sum := uint32(1)
	for _, v := range values {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ uint32(v)
		for i, g := range []uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	return sum
}

func encodeBase64(b []byte) []byte { return base64.StdEncoding.AppendEncode(nil, b) }

// decodeBase64 takes the one form that encodeBase64 gives.
func decodeBase64(text []byte) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err == nil && len(text) != base64.StdEncoding.EncodedLen(len(b)) { // it has line ends
		return nil, ErrClosed
	}
	return b, err
}
