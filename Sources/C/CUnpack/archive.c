// Nothing but a comparison: what CArchive says of libarchive is what libarchive says.
#include <archive.h>
#include <archive_entry.h>

#include "../CArchive/shim.h"
