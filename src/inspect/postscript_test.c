#include "inspect/look_test.h"

#include "base/buf.h"

#define HEAD "%!PS-Adobe-3.0\n"
#define TELLS(program, kind) \
	assert_true(tells("a.ps", STR(HEAD program "\n"), INSPECT_##kind))
#define QUIET(program, kind) \
	assert_false(tells("a.ps", STR(HEAD program "\n"), INSPECT_##kind))

static void test_ordinary(void **state)
{
	(void)state;
	assert_int_equal(worst_of("a.ps", STR(HEAD "/Helvetica findfont 12 scalefont "
						   "setfont\n"
						   "72 720 moveto (Hello \\(you\\) 100%) "
						   "show showpage\n")),
			 INSPECT_RISK);
	assert_false(tells("a.txt", STR("no program\n"), INSPECT_PS));
	TELLS("showpage", PS);
}

static void test_files(void **state)
{
	(void)state;
	TELLS("(/etc/passwd) (r) file", PS_OPENS);
	TELLS("<2f6574632f706173737764> (r) file", PS_OPENS);
	QUIET("(%stdin) (r) file", PS_OPENS);
	TELLS("dup (r) file", PS_FILE);
	QUIET("currentfile (r) closefile", PS_FILE);
	TELLS("(x.ps) run", PS_OPENS);
	TELLS("systemdict /run get exec", PS_FILE);
	QUIET("systemdict /image get exec", PS_FILE);
	TELLS("(x) deletefile", PS_CHANGE);
	TELLS("systemdict /deletefile get", PS_CHANGE);
	QUIET("(x) closefile", PS_CHANGE);
	TELLS("(*) { pop } 99 string filenameforall", PS_CHANGE);
	TELLS("(x) deletefile\n", PS);
	TELLS("%see deletefile", PS_HIDDEN);
	QUIET("%see deletefil", PS_HIDDEN);
}

static void test_pipe(void **state)
{
	(void)state;
	TELLS("(%pipe%id) (w) file", PS_PIPE);
	TELLS("(\\45pi\\\npe\\045id) (w) file", PS_PIPE);
	TELLS("<25 70 69 70 65 25 69 64> (w) file", PS_PIPE);
	TELLS("<~,&Ru5DfQ>~> (w) file", PS);
	TELLS("/a (%pi) def /b (pe%id) def", PS_PIPE);
	QUIET("(%pipe) (100 %) (of pipe%)", PS_PIPE);
	TELLS("<< /OutputFile (|id) >> setpagedevice", PS_OUTPUT);
	QUIET("<< /OutputFil (|id) >> setpagedevice", PS_OUTPUT);
}

static void test_jobs(void **state)
{
	(void)state;
	TELLS("serverdict begin 0 exitserver", PS_JOB);
	TELLS("true 0 startjob", PS_JOB);
	QUIET("save restore", PS_JOB);
	assert_true(tells("a.prn",
			  STR("\33%-12345X@PJL JOB\r\n@PJL FSDELETE NAME=\"x\"\r\n"),
			  INSPECT_PJL_FILES));
	assert_true(tells("a.prn", STR("\33%-12345X@PJL DEFAULT COPIES=9\r\n"),
			  INSPECT_PJL_SETTINGS));
	assert_false(tells("a.prn", STR("\33%-12345X@PJL SET COPIES=2\r\n"),
			   INSPECT_PJL_SETTINGS));
	TELLS("showpage\n\33%-12345X@PJL FSUPLOAD NAME=\"x\"", PJL_FILES);
	assert_true(tells("a",
			  STR("\33%-12345X@PJL ENTER LANGUAGE=POSTSCRIPT\n\4%!\n"
			      "(x) deletefile"),
			  INSPECT_PS_CHANGE));
	assert_true(tells("a", STR("\4%!\n(x) deletefile"), INSPECT_PS_CHANGE));
}

static void test_exploits(void **state)
{
	(void)state;
	TELLS("systemdict /SAFER false .forceput", PS_EXPLOIT);
	TELLS("{ null restore } stopped", PS_EXPLOIT);
	QUIET("{ null pop save restore } stopped", PS_EXPLOIT);
	TELLS("<< /upYMoveCommand (%d) >>", PS_EXPLOIT);
	TELLS("(uniprint) selectdevice", PS_EXPLOIT);
	TELLS("(uniprint) selectdevice", PS_DEVICE);
	TELLS("(%x%x%x%x%n)", PS_FORMAT);
	QUIET("(%x: 100%, %n)", PS_FORMAT);
	TELLS("1 .someop", PS_INTERNAL);
	QUIET("1 .5 .notdef .setopacityalpha", PS_INTERNAL);
}

static void test_built(void **state)
{
	(void)state;
	TELLS("((x) deletefile) cvx exec", PS_EXEC_STRING);
	TELLS("<2878292064656c65746566696c65> cvx exec", PS_CHANGE);
	QUIET("{ (x) show } cvx exec", PS_EXEC_STRING);
	TELLS("(deletefile) cvn load exec", PS_BUILT_NAME);
	TELLS("<64656c65746566696c65> cvn load exec", PS_CHANGE);
	TELLS("20 string dup 0 (dele) putinterval cvn load exec", PS_BUILT_NAME);
	QUIET("/F 9 string cvs cvn 12 dict def 1 2 load", PS_BUILT_NAME);
	TELLS("a 0 9 getinterval cvx exec", PS_EXEC_STRING);
}

static void test_filters(void **state)
{
	(void)state;
	TELLS("currentfile /ASCIIHexDecode filter cvx "
	      "exec\n2878292064656c65746566696c65>",
	      PS_CHANGE);
	TELLS("currentfile /ASCIIHexDecode filter cvx "
	      "exec\n2878292064656c65746566696c65>",
	      PS_FILTERED);
	TELLS("currentfile /ASCIIHexDecode filter /ASCIIHexDecode filter cvx exec\n"
	      "323837383239323036343635366336353734363536363639366336353E>",
	      PS_CHANGE);
	TELLS("<2878292064656c65746566696c65> /RunLengthDecode filter cvx exec",
	      PS_FILTERED);
	QUIET("/d currentfile /ASCIIHexDecode filter def { d s readstring } image\n00>",
	      PS_FILTERED);
}

/* Type 1 7.1, the other way round. */
static void add_encrypted(struct buf *b, struct str clear)
{
	uint16_t r = 55665;

	for (size_t i = 0; i < clear.n + 4; i++) {
		uint8_t c = (uint8_t)((i < 4 ? 'z' : clear.p[i - 4]) ^ r >> 8);

		r = (uint16_t)((c + r) * 52845u + 22719u);
		buf_add_c(b, (char)c);
	}
}

static void test_eexec(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_add(&b, STR(HEAD "currentfile eexec\n"));
	add_encrypted(&b, STR("dup /Private 8 dict /CharStrings mark currentfile "
			      "closefile"));
	buf_add(&b, STR("\n0000 cleartomark (x) deletefile"));
	assert_false(tells("a.ps", buf_str(&b), INSPECT_PS_EEXEC));
	assert_true(tells("a.ps", buf_str(&b), INSPECT_PS_CHANGE));
	buf_clear(&b);
	buf_add(&b, STR(HEAD "currentfile eexec\n"));
	add_encrypted(&b, STR("(x) renamefile"));
	assert_true(tells("a.ps", buf_str(&b), INSPECT_PS_EEXEC));
	assert_true(tells("a.ps", buf_str(&b), INSPECT_PS_CHANGE));
	buf_done(&b);
}

static void test_eps_header(void **state)
{
	static const char good[] = "\xc5\xd0\xd3\xc6\x1e\0\0\0\x11\0\0\0\0\0\0\0\0\0\0\0"
				   "\x2f\0\0\0\4\0\0\0\xff\xff"
				   "%!PS\nx deletefileII*";
	char wrong[sizeof(good)];
	struct looked l;

	(void)state;
	l = look_at("a.eps", str_of(good, sizeof(good) - 1));
	assert_true(told(l.r, INSPECT_PS_CHANGE));
	assert_false(told(l.r, INSPECT_PS_EPS_HEADER));
	assert_true(has_child(&l, "preview.tif", 3));
	inspect_free(l.in);
	memcpy(wrong, good, sizeof(good));
	wrong[4] = 0x20;
	assert_true(
		tells("a.eps", str_of(wrong, sizeof(wrong) - 1), INSPECT_PS_EPS_HEADER));
}

/* A parenthesis in the data of a picture hides nothing that follows. */
static void test_broken_strings(void **state)
{
	struct buf b = { 0 };

	(void)state;
	TELLS("image\n\200(\201\nx deletefile", PS_CHANGE);
	buf_add(&b, STR(HEAD));
	for (int i = 0; i < 100000; i++)
		buf_add_c(&b, '(');
	buf_add(&b, STR("x deletefile"));
	assert_true(tells("a.ps", buf_str(&b), INSPECT_PS_CHANGE));
	assert_true(tells("a.ps", buf_str(&b), INSPECT_PS_LIMIT));
	buf_clear(&b);
	buf_add(&b, STR(HEAD));
	for (int i = 0; i < 20000; i++)
		buf_add(&b, STR("currentfile eexec "));
	assert_true(tells("a.ps", buf_str(&b), INSPECT_PS_LIMIT));
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordinary),   cmocka_unit_test(test_files),
		cmocka_unit_test(test_pipe),       cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_exploits),   cmocka_unit_test(test_built),
		cmocka_unit_test(test_filters),    cmocka_unit_test(test_eexec),
		cmocka_unit_test(test_eps_header), cmocka_unit_test(test_broken_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
