#include "inspect/types.h"

enum {
	TEXT_LOOK = 4096, /* bytes of a text in which its kind is looked for */
	PDF_LOOK = 1024,  /* readers take a header that begins within them */
	EOCD_BYTES = 22,  /* ZIP: end of central directory, without its comment */
	ZIP_TAIL = 65557, /* EOCD and the longest comment: where readers look for it */
};

static const struct {
	struct str id;
	enum inspect_class class;
} rows[TYPE_COUNT] = {
#define TYPE(name, id, class) [TYPE_##name] = { STR_INIT(id), CLASS_##class },
#include "inspect/types.def"
#undef TYPE
};

struct str type_id(enum file_type type)
{
	return rows[type].id;
}

enum inspect_class type_class(enum file_type type)
{
	return rows[type].class;
}

/* Bytes at a fixed place. */
static const struct magic {
	enum file_type type;
	size_t at;
	struct str bytes;
} magics[] = {
	{ TYPE_ELF, 0, STR_INIT("\177ELF") },
	{ TYPE_MACHO, 0, STR_INIT("\xfe\xed\xfa\xce") },
	{ TYPE_MACHO, 0, STR_INIT("\xfe\xed\xfa\xcf") },
	{ TYPE_MACHO, 0, STR_INIT("\xce\xfa\xed\xfe") },
	{ TYPE_MACHO, 0, STR_INIT("\xcf\xfa\xed\xfe") },
	{ TYPE_JAVA_CLASS, 0, STR_INIT("\xca\xfe\xba\xbe") }, /* and fat Mach-O */
	{ TYPE_DEX, 0, STR_INIT("dex\n0") },
	{ TYPE_WASM, 0, STR_INIT("\0asm\1\0\0\0") },
	{ TYPE_SHEBANG, 0, STR_INIT("#!") },
	{ TYPE_LNK, 0, STR_INIT("L\0\0\0\1\x14\2\0\0\0\0\0\xc0\0\0\0\0\0\0\x46") },
	{ TYPE_CHM, 0, STR_INIT("ITSF\3\0\0\0") },
	{ TYPE_HLP, 0, STR_INIT("?_\3\0") },
	{ TYPE_OLE, 0, STR_INIT("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") },
	{ TYPE_ONENOTE, 0,
	  STR_INIT("\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3") },
	{ TYPE_EPS_BINARY, 0, STR_INIT("\xc5\xd0\xd3\xc6") },
	{ TYPE_PJL, 0, STR_INIT("\33%-12345X") },
	{ TYPE_ZIP, 0, STR_INIT("PK\3\4") },
	{ TYPE_ZIP, 0, STR_INIT("PK\5\6") },
	{ TYPE_ZIP, 0, STR_INIT("PK\7\10PK\3\4") },
	{ TYPE_RAR, 0, STR_INIT("Rar!\x1a\7") },
	{ TYPE_SEVEN_ZIP, 0, STR_INIT("7z\xbc\xaf\x27\x1c") },
	{ TYPE_GZIP, 0, STR_INIT("\x1f\x8b\10") },
	{ TYPE_BZIP2, 0, STR_INIT("BZh") },
	{ TYPE_XZ, 0,
	  STR_INIT("\xfd"
		   "7zXZ\0") },
	{ TYPE_LZMA, 0, STR_INIT("\x5d\0\0") },
	{ TYPE_ZSTD, 0, STR_INIT("\x28\xb5\x2f\xfd") },
	{ TYPE_LZ4, 0, STR_INIT("\x04\x22\x4d\x18") },
	{ TYPE_COMPRESS, 0, STR_INIT("\x1f\x9d") },
	{ TYPE_LZIP, 0, STR_INIT("LZIP\1") },
	{ TYPE_TAR, 257, STR_INIT("ustar") },
	{ TYPE_CPIO, 0, STR_INIT("070701") },
	{ TYPE_CPIO, 0, STR_INIT("070702") },
	{ TYPE_CPIO, 0, STR_INIT("070707") },
	{ TYPE_AR, 0, STR_INIT("!<arch>\n") },
	{ TYPE_CAB, 0, STR_INIT("MSCF\0\0\0\0") },
	{ TYPE_ARJ, 0, STR_INIT("\x60\xea") },
	{ TYPE_LHA, 2, STR_INIT("-lh") },
	{ TYPE_ACE, 7, STR_INIT("**ACE**") },
	{ TYPE_ALZ, 0, STR_INIT("ALZ\1") },
	{ TYPE_EGG, 0, STR_INIT("EGGA") },
	{ TYPE_ZOO, 20, STR_INIT("\xdc\xa7\xc4\xfd") },
	{ TYPE_XAR, 0, STR_INIT("xar!") },
	{ TYPE_RPM, 0, STR_INIT("\xed\xab\xee\xdb") },
	{ TYPE_ISO9660, 0x8001, STR_INIT("CD001") },
	{ TYPE_UDF, 0x8001, STR_INIT("BEA01") },
	{ TYPE_UDF, 0x8801, STR_INIT("BEA01") },
	{ TYPE_VHD, 0, STR_INIT("conectix") },
	{ TYPE_VHDX, 0, STR_INIT("vhdxfile") },
	{ TYPE_WIM, 0, STR_INIT("MSWIM\0\0\0") },
	{ TYPE_VMDK, 0, STR_INIT("KDMV") },
	{ TYPE_QCOW, 0, STR_INIT("QFI\xfb") },
	{ TYPE_TNEF, 0, STR_INIT("\x78\x9f\x3e\x22") },
	{ TYPE_PNG, 0, STR_INIT("\x89PNG\r\n\x1a\n") },
	{ TYPE_JPEG, 0, STR_INIT("\xff\xd8\xff") },
	{ TYPE_GIF, 0, STR_INIT("GIF8") },
	{ TYPE_TIFF, 0, STR_INIT("II*\0") },
	{ TYPE_TIFF, 0, STR_INIT("MM\0*") },
	{ TYPE_WEBP, 8, STR_INIT("WEBP") },
	{ TYPE_MP4, 4, STR_INIT("ftyp") },
	{ TYPE_MP3, 0, STR_INIT("ID3") },
	{ TYPE_OGG, 0, STR_INIT("OggS") },
	{ TYPE_SWF, 0, STR_INIT("FWS") },
	{ TYPE_SWF, 0, STR_INIT("CWS") },
	{ TYPE_SWF, 0, STR_INIT("ZWS") },
	{ TYPE_SQLITE, 0, STR_INIT("SQLite format 3") },
	{ TYPE_PGP, 0, STR_INIT("-----BEGIN PGP MESSAGE") },
};

/* How texts of a kind begin, blanks and a byte order mark skipped. ASCII case is ignored.
 */
static const struct {
	enum file_type type;
	struct str start;
} starts[] = {
	{ TYPE_RTF, STR_INIT("{\\rt") },
	{ TYPE_POSTSCRIPT, STR_INIT("%!") },
	{ TYPE_POSTSCRIPT, STR_INIT("\4%!") },
	{ TYPE_URL_FILE, STR_INIT("[InternetShortcut]") },
	{ TYPE_SCF, STR_INIT("[Shell]") },
	{ TYPE_DESKTOP, STR_INIT("[Desktop Entry]") },
	{ TYPE_RDP, STR_INIT("full address:s:") },
	{ TYPE_RDP, STR_INIT("screen mode id:i:") },
	{ TYPE_IQY, STR_INIT("WEB\r\n1\r\n") },
	{ TYPE_IQY, STR_INIT("WEB\n1\n") },
	{ TYPE_SLK, STR_INIT("ID;P") },
	{ TYPE_REG, STR_INIT("Windows Registry Editor") },
	{ TYPE_REG, STR_INIT("REGEDIT4") },
	{ TYPE_BATCH, STR_INIT("@echo off") },
	{ TYPE_BATCH, STR_INIT("@powershell") },
	{ TYPE_HTML, STR_INIT("<!doctype html") },
	{ TYPE_HTML, STR_INIT("<html") },
	{ TYPE_SVG, STR_INIT("<svg") },
	{ TYPE_SVG, STR_INIT("<!doctype svg") },
	{ TYPE_XML, STR_INIT("<?xml") },
	{ TYPE_PHP, STR_INIT("<?php") },
	{ TYPE_ICALENDAR, STR_INIT("BEGIN:VCALENDAR") },
	{ TYPE_VCARD, STR_INIT("BEGIN:VCARD") },
};

/* Words that only a text of this kind has, anywhere in its first TEXT_LOOK bytes. */
static const struct {
	enum file_type type;
	struct str word;
} words[] = {
	{ TYPE_HTML, STR_INIT("<html") },
	{ TYPE_HTML, STR_INIT("<script") },
	{ TYPE_HTML, STR_INIT("<body") },
	{ TYPE_HTML, STR_INIT("<iframe") },
	{ TYPE_SVG, STR_INIT("<svg") },
	{ TYPE_LIBRARY_MS, STR_INIT("<libraryDescription") },
	{ TYPE_SEARCH_MS, STR_INIT("<persistedQuery") },
	{ TYPE_SETTING_CONTENT, STR_INIT("<SearchableContent") },
	{ TYPE_VBSCRIPT, STR_INIT("CreateObject(") },
	{ TYPE_VBSCRIPT, STR_INIT("On Error Resume Next") },
	{ TYPE_JSCRIPT, STR_INIT("new ActiveXObject(") },
	{ TYPE_JSCRIPT, STR_INIT("WScript.") },
	{ TYPE_POWERSHELL, STR_INIT("Invoke-Expression") },
	{ TYPE_POWERSHELL, STR_INIT("Invoke-WebRequest") },
	{ TYPE_POWERSHELL, STR_INIT("-EncodedCommand") },
	{ TYPE_POWERSHELL, STR_INIT("New-Object Net.WebClient") },
	{ TYPE_PHP, STR_INIT("<?php") },
};

static uint32_t le32(struct str s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.p + at;

	if (at + 4 > s.n)
		return 0;
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A ZIP whose directory stands before a record of its end, as most readers look for it.
 */
static bool zip_at_end(struct str s)
{
	size_t least = s.n > ZIP_TAIL ? s.n - ZIP_TAIL : 0;

	for (size_t at = s.n < EOCD_BYTES ? 0 : s.n - EOCD_BYTES + 1; at > least; at--) {
		uint32_t size;

		if (memcmp(s.p + at - 1, "PK\5\6", 4) != 0)
			continue;
		size = le32(s, at - 1 + 12);
		if (size >= 4 && size <= at - 1 &&
		    memcmp(s.p + at - 1 - size, "PK\1\2", 4) == 0)
			return true;
	}
	return false;
}

static bool has(struct str s, struct str word)
{
	return s.p && memmem(s.p, s.n, word.p, word.n) != NULL;
}

static bool has_nocase(struct str s, struct str word)
{
	for (size_t i = 0; i + word.n <= s.n; i++)
		if (ch_lower(s.p[i]) == ch_lower(word.p[0]) &&
		    str_starts_nocase(str_skip(s, i), word))
			return true;
	return false;
}

static void add_programs(struct str s, struct type_set *set)
{
	uint32_t at;

	if (str_starts(s, STR("MZ")) || str_starts(s, STR("ZM"))) {
		at = le32(s, 0x3c);
		type_add(set,
			 str_eq(str_sub(s, at, 4), STR("PE\0\0")) ? TYPE_PE : TYPE_DOS);
	}
}

static void add_disks(struct str s, struct type_set *set)
{
	if (s.n >= 512 && str_eq(str_sub(s, s.n - 512, 8), STR("conectix")))
		type_add(set, TYPE_VHD);
	if (s.n >= 512 && str_eq(str_sub(s, s.n - 512, 4), STR("koly")))
		type_add(set, TYPE_DMG);
	if (s.n >= 512 && str_eq(str_sub(s, 510, 2), STR("\x55\xaa")) &&
	    (str_eq(str_sub(s, 54, 3), STR("FAT")) ||
	     str_eq(str_sub(s, 82, 5), STR("FAT32")) ||
	     str_eq(str_sub(s, 3, 4), STR("NTFS"))))
		type_add(set, TYPE_FAT_IMAGE);
}

/* Texts of one byte per character; UTF-16 has every other byte zero, which is left out.
 */
static void add_texts(struct str s, struct type_set *set)
{
	char narrow[TEXT_LOOK];
	struct str text = str_sub(s, 0, TEXT_LOOK), trimmed;
	size_t n = 0;

	if (text.n > 1 &&
	    (!text.p[0] || !text.p[1] || str_starts(text, STR("\xff\xfe")) ||
	     str_starts(text, STR("\xfe\xff")))) {
		for (size_t i = 0; i < text.n; i++)
			if (text.p[i] && (unsigned char)text.p[i] < 0xfe)
				narrow[n++] = text.p[i];
		text = str_of(narrow, n);
	}
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_skip(text, 3);
	trimmed = str_trim(text);
	for (size_t i = 0; i < COUNT_OF(starts); i++)
		if (str_starts_nocase(trimmed, starts[i].start))
			type_add(set, starts[i].type);
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (has_nocase(text, words[i].word))
			type_add(set, words[i].type);
}

struct type_set types_of(struct str content)
{
	struct type_set set = { 0 };

	for (size_t i = 0; i < COUNT_OF(magics); i++)
		if (str_eq(str_sub(content, magics[i].at, magics[i].bytes.n),
			   magics[i].bytes))
			type_add(&set, magics[i].type);
	add_programs(content, &set);
	add_disks(content, &set);
	add_texts(content, &set);
	if (has(str_sub(content, 0, PDF_LOOK), STR("%PDF-")))
		type_add(&set, TYPE_PDF);
	if (str_starts(content, STR("BM")) && le32(content, 2) == content.n)
		type_add(&set, TYPE_BMP);
	if (zip_at_end(content))
		type_add(&set, TYPE_ZIP);
	if (has(content, STR("Rar!\x1a\7")))
		type_add(&set, TYPE_RAR);
	if (has(content, STR("7z\xbc\xaf\x27\x1c")))
		type_add(&set, TYPE_SEVEN_ZIP);
	return set;
}
