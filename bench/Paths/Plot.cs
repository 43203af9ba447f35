using System.Globalization;
using System.Text;

namespace VhostSwitch.Bench.Paths;

/// <summary>A contender's samples.</summary>
/// <param name="IsOurs">This switch, which stands out.</param>
/// <param name="Note">What is written behind the median; null for nothing.</param>
internal sealed record PlotBar(string Name, double[] Values, bool IsOurs, string? Note = null);

/// <summary>A report as a picture: a bar for each contender's median, a whisker from its lowest to its highest sample.</summary>
internal static class Plot
{
    private const int Width = 760;
    private const int BarHeight = 26;
    private const int Gap = 10;
    private const int Right = 70;
    private const int RightOfNotes = 150;
    private const double LetterWidth = 7;

    /// <param name="title">What is shown, in which unit.</param>
    /// <param name="machine">Where it was measured.</param>
    /// <param name="format">How the medians are written.</param>
    /// <param name="groups">The bars below one heading each.</param>
    /// <param name="oneScale">All are to one scale; otherwise those below a heading are.</param>
    /// <param name="mark">Where a line stands through all bars; null for none.</param>
    public static string Svg(
        string title, string machine, string format, IReadOnlyList<IGrouping<string, PlotBar>> groups, bool oneScale = true, double? mark = null)
    {
        int right = groups.SelectMany(g => g).Any(bar => bar.Note is not null) ? RightOfNotes : Right;
        double left = 20 + (LetterWidth * groups.SelectMany(g => g).Select(bar => bar.Name.Length).DefaultIfEmpty(0).Max());
        double most = Most(groups.SelectMany(g => g));
        var body = new StringBuilder();
        int y = 56;
        foreach (var group in groups)
        {
            Add($"<text x='12' y='{y}' font-weight='bold'>{group.Key}</text>");
            y += Gap;
            if (!oneScale) most = Most(group);
            foreach (var (contender, values, isOurs, note) in group)
            {
                double median = Statistics.Median(values);
                string color = isOurs ? "#2563eb" : "#9ca3af";
                double middle = y + (BarHeight / 2.0);
                Add($"<text x='{left - 8:F1}' y='{middle + 4:F1}' text-anchor='end'>{contender}</text>");
                Add($"<rect x='{left:F1}' y='{y}' width='{X(median) - left:F1}' height='{BarHeight}' fill='{color}'/>");
                Add($"<line x1='{X(values.Min()):F1}' y1='{middle:F1}' x2='{X(values.Max()):F1}' y2='{middle:F1}' stroke='#111827' stroke-width='1.5'/>");
                Add($"<text x='{X(values.Max()) + 8:F1}' y='{middle + 4:F1}'>{median.ToString(format, CultureInfo.InvariantCulture)}{note}</text>");
                y += BarHeight + Gap;
            }
            y += 2 * Gap;
        }
        if (mark is { } at && at <= most)
            Add($"<line x1='{X(at):F1}' y1='46' x2='{X(at):F1}' y2='{y - Gap}' stroke='#111827' stroke-dasharray='3 3'/>");
        var head = new StringBuilder();
        head.Append(CultureInfo.InvariantCulture, $"<svg xmlns='http://www.w3.org/2000/svg' width='{Width}' height='{y}' font-family='sans-serif' font-size='13' fill='#111827'>\n<rect width='100%' height='100%' fill='white'/>\n");
        head.Append(CultureInfo.InvariantCulture, $"<text x='12' y='20' font-weight='bold'>{title}</text>\n");
        head.Append(CultureInfo.InvariantCulture, $"<text x='12' y='38' font-size='11'>{machine}; bar: median, line: lowest to highest</text>\n");
        return head.Append(body).Append("</svg>\n").ToString();

        double X(double value) => left + (value / most * (Width - left - right));
        static double Most(IEnumerable<PlotBar> bars) => Math.Max(bars.SelectMany(bar => bar.Values).DefaultIfEmpty(1).Max(), double.Epsilon);
        void Add(FormattableString line) => body.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }
}
