package mail

// notBase64 marks what is no digit of base64 in base64Digit.
const notBase64 = 0xff

// base64Digit gives the value of each digit of base64 (RFC 4648, section 4).
var base64Digit = func() (t [256]byte) {
	for i := range t {
		t[i] = notBase64
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	return t
}()
