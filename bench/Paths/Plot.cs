using System.Globalization;
using System.Text;

namespace VhostSwitch.Bench.Paths;

/// <summary>The report as a picture: a bar for each contender's median, a whisker from its lowest to its highest sample.</summary>
internal static class Plot
{
    private const int Width = 760;
    private const int BarHeight = 26;
    private const int Gap = 10;
    private const int Left = 130;
    private const int Right = 70;

    public static string Svg(Report report)
    {
        var groups = report.Groups.Where(g => g.Near.Length > 0).ToList();
        double most = groups.Count == 0 ? 1 : groups.Max(g => g.Near.Max());
        var body = new StringBuilder();
        int y = 56;
        foreach (var load in groups.GroupBy(g => g.Load))
        {
            Add($"<text x='12' y='{y}' font-weight='bold'>{load.Key}</text>");
            y += Gap;
            foreach (var (_, contender, near) in load)
            {
                double median = Statistics.Median(near);
                string color = contender == VmToVm.OurName ? "#2563eb" : "#9ca3af";
                double middle = y + (BarHeight / 2.0);
                Add($"<text x='{Left - 8}' y='{middle + 4:F1}' text-anchor='end'>{contender}</text>");
                Add($"<rect x='{Left}' y='{y}' width='{X(median) - Left:F1}' height='{BarHeight}' fill='{color}'/>");
                Add($"<line x1='{X(near.Min()):F1}' y1='{middle:F1}' x2='{X(near.Max()):F1}' y2='{middle:F1}' stroke='#111827' stroke-width='1.5'/>");
                Add($"<text x='{X(near.Max()) + 8:F1}' y='{middle + 4:F1}'>{median:F1}</text>");
                y += BarHeight + Gap;
            }
            y += 2 * Gap;
        }
        var head = new StringBuilder();
        head.Append(CultureInfo.InvariantCulture, $"<svg xmlns='http://www.w3.org/2000/svg' width='{Width}' height='{y}' font-family='sans-serif' font-size='13' fill='#111827'>\n<rect width='100%' height='100%' fill='white'/>\n");
        head.Append(CultureInfo.InvariantCulture, $"<text x='12' y='20' font-weight='bold'>Guest to guest, {report.Settings.FrameSize}-byte frames, {report.Settings.Ring}, one switch core: million frames a second (higher is better)</text>\n");
        head.Append(CultureInfo.InvariantCulture, $"<text x='12' y='38' font-size='11'>{report.Machine}; bar: median, line: lowest to highest</text>\n");
        return head.Append(body).Append("</svg>\n").ToString();

        double X(double mpps) => Left + (mpps / most * (Width - Left - Right));
        void Add(FormattableString line) => body.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }
}
