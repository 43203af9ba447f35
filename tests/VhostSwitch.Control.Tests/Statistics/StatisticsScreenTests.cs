using VhostSwitch.Control.Statistics;

namespace VhostSwitch.Control.Tests.Statistics;

public class StatisticsScreenTests
{
    private const string Screen =
        """
        Device statistics =================================
        Statistics for device 0
        -----------------------
        TX total:              9
        TX dropped:            2
        TX successful:         7
        RX total:              18446744073709551615
        RX dropped:            18446744073709551611
        RX successful:         4
        Statistics for device 3
        -----------------------
        TX total:              0
        TX dropped:            0
        TX successful:         0
        RX total:              0
        RX dropped:            0
        RX successful:         0
        ===================================================

        """;

    private static readonly DeviceStatistics[] Devices = [new(0, 9, 7, ulong.MaxValue, 4), new(3, 0, 0, 0, 0)];

    [Fact]
    public void ReadsAsDpdkPrintsIt() => Assert.Equal(Screen, StatisticsScreen.Text(Devices));

    [Fact]
    public void ATerminalIsClearedBefore()
    {
        var output = new StringWriter();
        StatisticsScreen.Write(output, Devices, isTerminal: true);
        Assert.Equal("\e[2J\e[1;1H" + Screen, output.ToString());
    }

    [Fact]
    public void AFileGetsOneScreenAfterTheOther()
    {
        var output = new StringWriter();
        StatisticsScreen.Write(output, Devices, isTerminal: false);
        StatisticsScreen.Write(output, Devices, isTerminal: false);
        Assert.Equal(Screen + Screen, output.ToString());
    }

    [Fact]
    public void WithoutDevicesOnlyTheFrameIsLeft() =>
        Assert.Equal(2, StatisticsScreen.Text([]).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);

    [Fact]
    public void CountersReadWhileFramesFlowNeverGiveNegativeDrops()
    {
        var device = new DeviceStatistics(0, 4, 5, 6, 7);
        Assert.Equal((0ul, 0ul), (device.TxDropped, device.RxDropped));
    }
}
