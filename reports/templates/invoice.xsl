<?xml version="1.0" encoding="UTF-8"?>
<!-- The invoice page. Copy this file, change it, and give the copy to `millibill invoice render - -format html - -style FILE`
     (two dashes without the blank). The input is described at the top of reports/render_html.c. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output method="html" encoding="UTF-8" indent="no" doctype-system="about:legacy-compat"/>

  <xsl:template match="/invoices">
    <html lang="{invoice[1]/@language}">
      <head>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <title>
          <xsl:choose>
            <xsl:when test="count(invoice) = 1">
              <xsl:apply-templates select="invoice" mode="title"/>
            </xsl:when>
            <xsl:otherwise><xsl:value-of select="count(invoice)"/> invoices</xsl:otherwise>
          </xsl:choose>
        </title>
        <style>
          :root { --ink: #1b1f24; --soft: #5c6570; --line: #d9dde2; --faint: #eef0f3; --accent: <xsl:value-of select="@brand_color"/>; }
          * { box-sizing: border-box; }
          body { margin: 0; background: #f4f5f7; color: var(--ink);
                 font: 15px/1.5 "Inter", "Source Sans 3", "Segoe UI", "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
                 font-variant-numeric: tabular-nums lining-nums; }
          main { max-width: 60rem; margin: 2.5rem auto; padding: 3.5rem 3.75rem 3rem; background: #fff;
                 border: 1px solid var(--line); border-radius: 3px; }
          .logo { display: block; max-width: 16rem; max-height: 4rem; margin-bottom: 1.5rem; }
          header { display: flex; justify-content: space-between; align-items: flex-start; gap: 2rem; }
          h1 { margin: 0; font-size: 1.9rem; line-height: 1.15; font-weight: 600; letter-spacing: -0.015em;
               overflow-wrap: anywhere; }
          h1 small, .due span { display: block; margin-bottom: .35rem; font-size: .8rem; line-height: 1.5; letter-spacing: 0; }
          h1 small { color: var(--accent); font-weight: 600; }
          .due span { color: var(--soft); }
          .due { text-align: right; white-space: nowrap; }
          .due b { display: block; font-size: 1.9rem; line-height: 1.15; font-weight: 600; letter-spacing: -0.015em; }
          dl.facts { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 1rem 2rem; margin: 2.25rem 0 0;
                     padding: 1.1rem 0; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); }
          dl.facts + dl.facts { margin-top: 0; border-top: 0; }
          dl.facts dt, footer dt { color: var(--soft); font-size: .8rem; }
          dl.facts dd, footer dd { margin: 0; overflow-wrap: anywhere; }
          h2 { margin: 2.5rem 0 .6rem; font-size: 1.05rem; font-weight: 600; }
          p.note { margin: 0 0 .75rem; color: var(--soft); font-size: .87rem; }
          table { width: 100%; border-collapse: collapse; font-size: .87rem; }
          th { padding: .4rem 0 .4rem 1.1rem; color: var(--soft); font-weight: 500; text-align: left; vertical-align: bottom;
               border-bottom: 1px solid var(--ink); }
          td { padding: .45rem 0 .45rem 1.1rem; vertical-align: top; border-bottom: 1px solid var(--faint); }
          th:first-child, td:first-child { padding-left: 0; }
          td.name { overflow-wrap: anywhere; }
          .n { text-align: right; white-space: nowrap; }
          .unit { color: var(--soft); white-space: nowrap; }
          tr.where td { padding-top: 1rem; color: var(--soft); font-size: .82rem; border-bottom-color: var(--line); }
          tbody:first-of-type tr.where td { padding-top: .6rem; }
          tfoot td { border-bottom: 0; padding-top: .5rem; padding-bottom: 0; }
          table.lines tbody tr:last-child td { border-bottom-color: var(--ink); }
          tfoot tr:first-child td { padding-top: .7rem; }
          tfoot tr.total td { font-size: 1.1rem; font-weight: 600; }
          footer { margin-top: 3rem; padding-top: 1.25rem; border-top: 1px solid var(--line); font-size: .82rem; }
          footer dl { display: grid; grid-template-columns: 7rem minmax(0, 1fr); gap: .3rem 1.25rem; margin: 0; }
          footer p { margin: 1.1rem 0 0; color: var(--soft); }
          code { font: .93em/1.4 "JetBrains Mono", "DejaVu Sans Mono", "Liberation Mono", Consolas, monospace;
                 overflow-wrap: anywhere; }
          .preview { margin: 0 0 2rem; padding: .6rem .9rem; background: #fbf5e6; border: 1px solid #ead9a8;
                     border-radius: 3px; font-size: .87rem; }
          @media screen and (max-width: 46rem) {
            main { margin: 0; padding: 1.5rem 1.1rem; border: 0; }
            header { display: block; } .due { margin-top: 1.25rem; text-align: left; }
            dl.facts { grid-template-columns: minmax(0, 1fr); gap: .75rem; } .scroll { overflow-x: auto; }
            /* a line: what and how much it comes to, and below what was billed at which price; quantity and free part give way */
            table.lines, table.lines tbody, table.lines tfoot { display: block; }
            table.lines thead, table.lines tbody td:nth-child(2), table.lines tbody td:nth-child(3) { display: none; }
            table.lines tr { display: grid; grid-template-columns: auto auto 1fr auto; column-gap: .4rem; padding: .5rem 0;
                             border-bottom: 1px solid var(--faint); }
            table.lines td { padding: 0; border: 0; }
            table.lines td:first-child { grid-column: 1 / 4; overflow-wrap: anywhere; }
            table.lines td:last-child { grid-column: 4; grid-row: 1; }
            table.lines tr.where td { grid-column: 1 / 5; }
            table.lines tbody td:nth-child(n+4):nth-child(-n+6) { color: var(--soft); font-size: .8rem; text-align: left; }
            table.lines tbody td:nth-child(6)::before { content: "× "; }
            table.lines tbody tr:last-child { border-bottom-color: var(--ink); }
            table.lines tfoot tr { border: 0; padding: .25rem 0; }
            table.functions td:nth-child(2), table.functions th:nth-child(2),
            table.functions td:nth-child(5), table.functions th:nth-child(5),
            table.functions td:nth-child(6), table.functions th:nth-child(6) { display: none; }
            table.functions th:nth-child(n+2), table.functions td:nth-child(n+2) { padding-left: .6rem; }
            footer dl { grid-template-columns: minmax(0, 1fr); } footer dd { margin-bottom: .4rem; }
          }
          @page { size: A4; margin: 16mm 15mm 18mm; }
          @media print {
            html { font-size: 12.5px; } body { background: #fff; font-size: 9pt; }
            main { max-width: none; margin: 0; padding: 0; border: 0; break-after: page; }
            main:last-of-type { break-after: auto; }
            tr, dl.facts, footer { break-inside: avoid; } thead { display: table-header-group; }
            tfoot { display: table-row-group; } h2, p.note { break-after: avoid; }
            table { font-size: 8.5pt; } th, td { padding-left: .8rem; }
            .preview { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
          }
        </style>
      </head>
      <body>
        <xsl:apply-templates select="invoice"/>
      </body>
    </html>
  </xsl:template>

  <xsl:template match="invoice" mode="title">
    <xsl:choose>
      <xsl:when test="@state = 'final'"><xsl:value-of select="@kind_title"/><xsl:text> </xsl:text><xsl:value-of select="@number"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="word[@key='Preview of an invoice']/@text"/></xsl:otherwise>
    </xsl:choose>
    <xsl:text>, </xsl:text>
    <xsl:value-of select="@tenant"/>
    <xsl:text>, </xsl:text>
    <xsl:value-of select="@month"/>
  </xsl:template>

  <xsl:template match="invoice">
    <main>
      <xsl:if test="@state != 'final'">
        <p class="preview"><xsl:value-of select="word[@key='This is a preview. Its figures change while usage arrives, and it is not to be paid.']/@text"/></p>
      </xsl:if>
      <xsl:if test="../@brand_logo != ''"><img class="logo" alt="{../@brand}" src="{../@brand_logo}"/></xsl:if>
      <header>
        <h1>
          <small>
            <xsl:choose>
              <xsl:when test="@state = 'final'"><xsl:value-of select="@kind_title"/><xsl:text> </xsl:text><xsl:value-of select="@number"/></xsl:when>
              <xsl:otherwise><xsl:value-of select="word[@key='Preview of an invoice']/@text"/></xsl:otherwise>
            </xsl:choose>
          </small>
          <xsl:value-of select="@tenant"/>
        </h1>
        <div class="due"><span><xsl:value-of select="word[@key='Total']/@text"/></span><b><xsl:choose>
          <xsl:when test="@payable_currency != ''"><xsl:value-of select="@payable_total"/>&#160;<xsl:value-of select="@payable_currency"/></xsl:when>
          <xsl:otherwise><xsl:value-of select="@total"/>&#160;<xsl:value-of select="@currency"/></xsl:otherwise>
        </xsl:choose></b></div>
      </header>
      <xsl:if test="party or ../@brand != '' or @purchase_order != ''"><dl class="facts parties">
        <xsl:choose>
          <xsl:when test="party[@role='seller']"><div><dt><xsl:value-of select="word[@key='Seller']/@text"/></dt><dd><xsl:apply-templates select="party[@role='seller']/row"/></dd></div></xsl:when>
          <xsl:when test="../@brand != ''"><div><dt><xsl:value-of select="word[@key='Seller']/@text"/></dt><dd><xsl:value-of select="../@brand"/>
            <xsl:if test="../@brand_address != ''">, <xsl:value-of select="../@brand_address"/></xsl:if></dd></div></xsl:when>
        </xsl:choose>
        <xsl:if test="party[@role='buyer']"><div><dt><xsl:value-of select="word[@key='Buyer']/@text"/></dt><dd><xsl:apply-templates select="party[@role='buyer']/row"/></dd></div></xsl:if>
        <xsl:if test="@purchase_order != ''"><div><dt><xsl:value-of select="word[@key='Your order']/@text"/></dt><dd><xsl:value-of select="@purchase_order"/></dd></div></xsl:if>
      </dl></xsl:if>
      <dl class="facts">
        <div><dt><xsl:value-of select="word[@key='Period (UTC, end excluded)']/@text"/></dt><dd><xsl:value-of select="substring(@period_start, 1, 10)"/>
          <xsl:if test="@is_month != 'true'"><xsl:text> </xsl:text><xsl:value-of select="substring(@period_start, 12, 5)"/></xsl:if>
          <xsl:text> </xsl:text><xsl:value-of select="word[@key='to']/@text"/><xsl:text> </xsl:text><xsl:value-of select="substring(@period_end, 1, 10)"/>
          <xsl:if test="@is_month != 'true'"><xsl:text> </xsl:text><xsl:value-of select="substring(@period_end, 12, 5)"/></xsl:if></dd></div>
        <xsl:if test="@issued_on != ''"><div><dt><xsl:value-of select="word[@key='Invoice date']/@text"/></dt><dd><xsl:value-of select="@issued_on"/></dd></div></xsl:if>
        <xsl:if test="@due_on != ''"><div><dt><xsl:value-of select="word[@key='Due on']/@text"/></dt><dd><xsl:value-of select="@due_on"/></dd></div></xsl:if>
        <xsl:if test="@payment_terms != ''"><div><dt><xsl:value-of select="word[@key='Payment']/@text"/></dt><dd><xsl:value-of select="@payment_terms"/></dd></div></xsl:if>
        <div><dt><xsl:value-of select="word[@key='Account']/@text"/></dt><dd><xsl:value-of select="@account"/></dd></div>
        <xsl:if test="@refers_to != ''"><div><dt><xsl:value-of select="word[@key='Refers to']/@text"/></dt><dd><xsl:value-of select="@refers_to"/></dd></div></xsl:if>
        <xsl:if test="@reason != ''"><div><dt><xsl:value-of select="word[@key='Reason']/@text"/></dt><dd><xsl:value-of select="@reason"/></dd></div></xsl:if>
        <div><dt><xsl:value-of select="word[@key='Free tier']/@text"/></dt><dd><xsl:value-of select="@free_tier"/></dd></div>
      </dl>

      <h2><xsl:value-of select="word[@key='Usage']/@text"/></h2>
      <div class="scroll"><table class="lines">
        <thead>
          <tr><th><xsl:value-of select="word[@key='What']/@text"/></th><th class="n"><xsl:value-of select="word[@key='Quantity']/@text"/></th><th class="n"><xsl:value-of select="word[@key='Free']/@text"/></th><th class="n"><xsl:value-of select="word[@key='Billed']/@text"/></th><th><xsl:value-of select="word[@key='Unit']/@text"/></th>
            <th class="n"><xsl:value-of select="word[@key='Unit price']/@text"/></th><th class="n"><xsl:value-of select="@currency"/></th></tr>
        </thead>
        <tbody><xsl:apply-templates select="line"/></tbody>
        <tfoot>
          <tr><td colspan="6"><xsl:value-of select="word[@key='Subtotal']/@text"/></td><td class="n"><xsl:value-of select="@subtotal"/></td></tr>
          <xsl:apply-templates select="item"/>
          <tr class="total"><td colspan="6"><xsl:value-of select="word[@key='Total']/@text"/></td><td class="n"><xsl:value-of select="@total"/></td></tr>
          <xsl:if test="@payable_currency != ''">
            <tr class="total"><td colspan="6"><xsl:value-of select="word[@key='To be paid in']/@text"/><xsl:text> </xsl:text><xsl:value-of select="@payable_currency"/>, <xsl:value-of select="word[@key='at the rate']/@text"/><xsl:text> </xsl:text><xsl:value-of select="@payable_rate"/></td>
              <td class="n"><xsl:value-of select="@payable_total"/></td></tr>
          </xsl:if>
        </tfoot>
      </table></div>

      <xsl:if test="function">
        <h2><xsl:value-of select="word[@key='Functions']/@text"/></h2>
        <p class="note"><xsl:value-of select="word[starts-with(@key, 'Each function')]/@text"/></p>
        <div class="scroll"><table class="functions">
          <thead>
            <tr><th><xsl:value-of select="word[@key='Function']/@text"/></th><th><xsl:value-of select="word[@key='Where']/@text"/></th><th class="n"><xsl:value-of select="word[@key='Memory, MB']/@text"/></th><th class="n"><xsl:value-of select="word[@key='Invocations']/@text"/></th>
              <th class="n"><xsl:value-of select="word[@key='Errors']/@text"/></th><th class="n"><xsl:value-of select="word[@key='GB-seconds']/@text"/></th><th class="n"><xsl:value-of select="@currency"/></th></tr>
          </thead>
          <tbody><xsl:apply-templates select="function"/></tbody>
        </table></div>
      </xsl:if>

      <footer>
        <dl>
          <dt><xsl:value-of select="word[@key='Price book']/@text"/></dt>
          <dd><xsl:value-of select="@price_book"/><xsl:text> </xsl:text><xsl:value-of select="@price_book_version"/><br/>
            <code><xsl:value-of select="@price_book_sha256"/></code></dd>
          <xsl:if test="@contract != ''">
            <dt><xsl:value-of select="word[@key='Contract']/@text"/></dt>
            <dd><xsl:value-of select="@contract"/><xsl:text> </xsl:text><xsl:value-of select="@contract_version"/><br/>
              <code><xsl:value-of select="@contract_sha256"/></code></dd>
          </xsl:if>
          <dt><xsl:value-of select="word[@key='Rounding']/@text"/></dt><dd><xsl:value-of select="@rounding"/></dd>
          <dt><xsl:value-of select="word[@key='Usage counted']/@text"/></dt><dd><xsl:value-of select="word[@key='all that was received up to receipt']/@text"/><xsl:text> </xsl:text><xsl:value-of select="@receipt_watermark"/></dd>
          <xsl:if test="@evidence_root != ''">
            <dt><xsl:value-of select="word[@key='Evidence sealed']/@text"/></dt><dd><xsl:value-of select="@evidence_seals"/><xsl:text> </xsl:text><xsl:choose><xsl:when test="@evidence_seals = '1'"><xsl:value-of select="word[@key='seal']/@text"/></xsl:when><xsl:otherwise><xsl:value-of select="word[@key='seals']/@text"/></xsl:otherwise></xsl:choose>, <xsl:value-of select="word[@key='head']/@text"/><xsl:text> </xsl:text><xsl:value-of select="@evidence_head"/>, <xsl:value-of select="word[@key='root and signing key']/@text"/><br/>
              <code><xsl:value-of select="@evidence_root"/></code><br/><code><xsl:value-of select="@evidence_public_key"/></code></dd>
          </xsl:if>
          <dt><xsl:value-of select="word[@key='Document']/@text"/></dt><dd><code><xsl:value-of select="@sha256"/></code></dd>
        </dl>
        <p><xsl:value-of select="word[@key='SHA-256 of the canonical document that these pages were made from']/@text"/>: <code>millibill invoice render
          <xsl:choose>
            <xsl:when test="@state = 'final'"><xsl:value-of select="@number"/></xsl:when>
            <xsl:otherwise>--month <xsl:value-of select="@month"/></xsl:otherwise>
          </xsl:choose> --tenant NAME --format json</code></p>
        <xsl:if test="../@brand_foot != ''"><p><xsl:value-of select="../@brand_foot"/></p></xsl:if>
      </footer>
    </main>
  </xsl:template>

  <xsl:template match="line">
    <xsl:variable name="before" select="preceding-sibling::line[1]"/>
    <xsl:if test="not($before) or $before/@region != @region or $before/@architecture != @architecture or $before/@mode != @mode or $before/@hours != @hours">
      <xsl:variable name="mode"><xsl:choose>
        <xsl:when test="@mode = 'on_demand'"><xsl:value-of select="../word[@key='on demand']/@text"/></xsl:when>
        <xsl:otherwise><xsl:value-of select="@mode"/></xsl:otherwise>
      </xsl:choose></xsl:variable>
      <tr class="where"><td colspan="7"><xsl:value-of select="@region"/><xsl:if test="@region != '' and @architecture != ''">, </xsl:if><xsl:value-of select="@architecture"/>
        <xsl:if test="$mode != ''"><xsl:if test="@region != '' or @architecture != ''">, </xsl:if><xsl:value-of select="$mode"/></xsl:if><xsl:if test="@hours != ''">, <xsl:value-of select="@hours"/></xsl:if></td></tr>
    </xsl:if>
    <tr>
      <td class="name"><xsl:value-of select="@description"/></td>
      <td class="n"><xsl:value-of select="@quantity"/></td>
      <td class="n"><xsl:value-of select="@free_quantity"/></td>
      <td class="n"><xsl:value-of select="@billed_quantity"/></td>
      <td class="unit"><xsl:value-of select="@unit"/></td>
      <td class="n"><xsl:value-of select="@unit_price"/></td>
      <td class="n"><xsl:value-of select="@amount"/></td>
    </tr>
  </xsl:template>

  <xsl:template match="party/row"><xsl:if test="position() &gt; 1"><br/></xsl:if><xsl:value-of select="@text"/></xsl:template>

  <xsl:template match="item">
    <tr><td colspan="6"><xsl:value-of select="@description"/></td><td class="n"><xsl:value-of select="@amount"/></td></tr>
  </xsl:template>

  <xsl:template match="function">
    <tr>
      <td class="name"><xsl:value-of select="@name"/></td>
      <td class="unit"><xsl:value-of select="@region"/>, <xsl:value-of select="@architecture"/></td>
      <td class="n"><xsl:value-of select="@memory_mb"/></td>
      <td class="n"><xsl:value-of select="@invocations"/></td>
      <td class="n"><xsl:value-of select="@errors"/></td>
      <td class="n"><xsl:value-of select="@gb_seconds"/></td>
      <td class="n"><xsl:value-of select="@amount"/></td>
    </tr>
  </xsl:template>
</xsl:stylesheet>
