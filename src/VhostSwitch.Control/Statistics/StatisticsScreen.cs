using System.Globalization;
using System.Text;

namespace VhostSwitch.Control.Statistics;

/// <summary>The screen of <c>--stats</c>, line by line as DPDK's example prints it.</summary>
public static class StatisticsScreen
{
    private const int Width = 51;
    private const int LabelWidth = 23;

    // Clear the screen, and go to its upper left corner.
    private const string Home = "\e[2J\e[1;1H";

    /// <summary>The screen without the sequences that clear a terminal; its last line separates it from the next one.</summary>
    /// <param name="devices">The devices by ascending number.</param>
    public static string Text(IReadOnlyList<DeviceStatistics> devices)
    {
        var text = new StringBuilder("Device statistics ".PadRight(Width, '=')).Append('\n');
        foreach (var device in devices)
        {
            text.Append(CultureInfo.InvariantCulture, $"Statistics for device {device.Device}\n").Append('-', LabelWidth).Append('\n');
            Line("TX total:", device.TxTotal);
            Line("TX dropped:", device.TxDropped);
            Line("TX successful:", device.TxSuccessful);
            Line("RX total:", device.RxTotal);
            Line("RX dropped:", device.RxDropped);
            Line("RX successful:", device.RxSuccessful);
        }
        return text.Append('=', Width).Append('\n').ToString();

        void Line(string label, ulong value) => text.Append(label.PadRight(LabelWidth)).Append(CultureInfo.InvariantCulture, $"{value}\n");
    }

    /// <summary>Writes the screen.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="devices">The devices by ascending number.</param>
    /// <param name="isTerminal">True for a terminal, which is cleared before; a file or pipe gets one screen after the other.</param>
    public static void Write(TextWriter output, IReadOnlyList<DeviceStatistics> devices, bool isTerminal)
    {
        output.Write(isTerminal ? Home + Text(devices) : Text(devices));
        output.Flush();
    }
}
