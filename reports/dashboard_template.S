/* The dashboard's page as made by reports/dashboard/assemble.sh, inside of the program. */
        .section .rodata
        .global dashboard_template
        .global dashboard_template_end
dashboard_template:
        .incbin "dashboard.html"
dashboard_template_end:
        .byte 0
        .section .note.GNU-stack,"",%progbits
