/* The weights of ${name}, read-only, as they lie in memory. */
__asm__(".section .rodata.${name}_weights, \"a\"\n"
        ".balign ${alignment}\n"
        ".globl ${name}_weights\n"
        ".hidden ${name}_weights\n"
        "${name}_weights:\n"
        ".incbin \"${weights_file}\"\n"
        ".previous\n");
