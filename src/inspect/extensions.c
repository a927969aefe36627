#include "inspect/types.h"

/* What systems do with a file by the end of its name. Words are set apart by blanks. */
static const struct {
	enum inspect_class class;
	const char *list;
} rows[] = {
	{ CLASS_EXECUTABLE, "exe com scr pif cpl dll ocx sys drv msi msp mst msix "
			    "msixbundle appx appxbundle "
			    "appinstaller application gadget jar jnlp apk ipa deb rpm "
			    "run bin elf app command "
			    "hlp xll wll xlam ppam msu ps1xml diagcab grp" },
	{ CLASS_SCRIPT, "bat cmd vbs vbe vb js jse mjs wsf wsh wsc sct hta ps1 ps1xml "
			"ps2 ps2xml psc1 psc2 "
			"psd1 psm1 msh msh1 msh2 mshxml msc chm sh bash csh ksh zsh pl "
			"py pyc pyw pyz rb php "
			"lua ahk au3 a3x reg inf scpt applescript ws xbap bgi" },
	{ CLASS_LINK,
	  "lnk url scf library-ms search-ms searchconnector-ms settingcontent-ms website "
	  "rdp "
	  "iqy oqy rqy dqy slk desktop webloc contact theme themepack deskthemepack udl "
	  "appref-ms mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt mdw "
	  "mdz" },
	{ CLASS_MACROS,
	  "docm dotm xlsm xltm xlsb pptm potm ppsm sldm accdb accde xlm xlw" },
	{ CLASS_DISK_IMAGE,
	  "iso img udf vhd vhdx dmg wim vmdk vdi qcow qcow2 nrg mdf toast" },
	{ CLASS_ARCHIVE,
	  "zip rar 7z gz tgz bz2 tbz tbz2 xz txz lzma zst tzst lz lz4 z taz tar cpio ar "
	  "cab arj "
	  "lha lzh ace alz egg zoo xar pkg zipx r00 001 uue uu xxe bhx hqx" },
	{ CLASS_POSTSCRIPT, "ps eps epsf ai prn pcl pjl" },
};

enum inspect_class extension_class(struct str extension)
{
	for (size_t i = 0; extension.n && i < COUNT_OF(rows); i++) {
		struct str rest = str_from(rows[i].list), word;

		while (str_word(&rest, &word))
			if (str_eq(word, extension))
				return rows[i].class;
	}
	return CLASS_NONE;
}
