/** What `mklittlefs` says of itself, in the original's words: programs look for some of them. */

/** The release whose behaviour this is, and the C library in it. */
const LIKE = '4.1.0-8-g340d6a3'
const LIKE_LITTLEFS = 'v2.11.1'

const SYNOPSIS = `   mklittlefs  {-c <pack_dir>|-u <dest_dir>|-l} [-T <from_file>] [-d <0-5>]
               [-a] [-t <number>] [-m <number>] [-e <number>] [-b <number>]
               [-r <number>] [-p <number>] [-s <number>] [--] [--version]
               [-h] <image_file>
`

export const VERSION_TEXT = `mklittlefs ver. ${LIKE}
Build configuration name: generic
LittleFS ver. ${LIKE_LITTLEFS}
Extra build flags: (none)
LittleFS configuration:
  LFS_NAME_MAX: 255
  LFS_FILE_MAX: 2147483647
  LFS_ATTR_MAX: 1022
`

// Blanks that end a line are the original's.
export const HELP_TEXT = `
USAGE: 

${SYNOPSIS}

Where: 

   -c <pack_dir>,  --create <pack_dir>
     (OR required)  create littlefs image from a directory
         -- OR --
   -u <dest_dir>,  --unpack <dest_dir>
     (OR required)  unpack littlefs image to a directory
         -- OR --
   -l,  --list
     (OR required)  list files in littlefs image


   -T <from_file>,  --from-file <from_file>
     when creating an image, include paths in from_file instead of scanning
     pack_dir

   -d <0-5>,  --debug <0-5>
     Debug level. 0 means no debug output.

   -a,  --all-files
     when creating an image, include files which are normally ignored;
     currently only applies to '.DS_Store' files and '.git' directories

   -t <number>,  --prefetch <number>
     lookahead buffer, in bytes

   -m <number>,  --memory <number>
     block caches, in bytes

   -e <number>,  --erase <number>
     erase cycles, in bytes

   -b <number>,  --block <number>
     fs block size, in bytes

   -r <number>,  --read <number>
     fs read size, in bytes

   -p <number>,  --page <number>
     fs page size, in bytes

   -s <number>,  --size <number>
     fs image size, in bytes

   --,  --ignore_rest
     Ignores the rest of the labeled arguments following this flag.

   --version
     Displays version information and exits.

   -h,  --help
     Displays usage information and exits.

   <image_file>
     (required)  littlefs image file


   

`

/** What stands on standard error where the arguments are wrong. */
export function usageError(subject: string | undefined, problem: string): string {
  return `PARSE ERROR: ${subject === undefined ? ' ' : `Argument: ${subject}`}
             ${problem}

Brief USAGE: 
${SYNOPSIS}
For complete USAGE and HELP type: 
   mklittlefs --help

`
}
