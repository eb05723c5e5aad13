package apijson

// AppendString appends s to dst as a JSON string, and returns dst. The string has as few
// escapes as JSON allows, as in RFC 8785 section 3.2.2.2. s must be valid UTF-8.
func AppendString(dst []byte, s string) []byte {
	return append(AppendEscaped(append(dst, '"'), s), '"')
}

// AppendEscaped is [AppendString] without the quotes, for a string that is made of several
// texts.
func AppendEscaped(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	plain := 0 // from here on s goes as it is
	for i := range len(s) {
		b := s[i]
		if b >= 0x20 && b != '"' && b != '\\' {
			continue
		}
		dst = append(dst, s[plain:i]...)
		plain = i + 1
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\b':
			dst = append(dst, `\b`...)
		case '\t':
			dst = append(dst, `\t`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\r':
			dst = append(dst, `\r`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', digits[b>>4], digits[b&15])
		}
	}
	return append(dst, s[plain:]...)
}
