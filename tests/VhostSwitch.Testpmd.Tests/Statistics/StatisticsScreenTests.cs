using VhostSwitch.Testpmd.Statistics;

namespace VhostSwitch.Testpmd.Tests.Statistics;

/// <summary>The screens are those of DPDK 22.11's testpmd, recorded, to the blank.</summary>
public sealed class StatisticsScreenTests
{
    [Fact]
    public void APortsCounters()
    {
        const string recorded = """

              ######################## NIC statistics for port 0  ########################
              RX-packets: 325312     RX-missed: 0          RX-bytes:  0
              RX-errors: 0
              RX-nombuf:  0         
              TX-packets: 3200       TX-errors: 0          TX-bytes:  0

              Throughput (since last show)
              Rx-pps:      2469303          Rx-bps:            0
              Tx-pps:        24289          Tx-bps:            0
              ############################################################################

            """;
        var counters = new PortCounters { RxPackets = 325312, TxPackets = 3200 };
        Assert.Equal(recorded, Text(new PortStatistics(0, counters, 2469303, 0, 24289, 0)));
    }

    [Fact]
    public void ForwardStatisticsOfAStreamEach()
    {
        const string recorded = """

              ---------------------- Forward statistics for port 0  ----------------------
              RX-packets: 6272           RX-dropped: 0             RX-total: 6272
              TX-packets: 6272           TX-dropped: 0             TX-total: 6272
              ----------------------------------------------------------------------------

              ---------------------- Forward statistics for port 1  ----------------------
              RX-packets: 6272           RX-dropped: 0             RX-total: 6272
              TX-packets: 6272           TX-dropped: 0             TX-total: 6272
              ----------------------------------------------------------------------------

              +++++++++++++++ Accumulated forward statistics for all ports+++++++++++++++
              RX-packets: 12544          RX-dropped: 0             RX-total: 12544
              TX-packets: 12544          TX-dropped: 0             TX-total: 12544
              ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++

            """;
        Assert.Equal(recorded, Text(new ForwardStatistics(
            [Stream(0, 1, 0), Stream(1, 0, 0)], [Port(0), Port(1)])));

        static PortForwarding Port(int id) => new(id, 6272, 0, 0, 6272, 0, null, null);
    }

    [Fact]
    public void StreamsAreShownWhereThereAreMoreOfThemThanPorts()
    {
        const string recorded = """

              ------- Forward Stats for RX Port= 0/Queue= 0 -> TX Port= 1/Queue= 0 -------
              RX-packets: 2657152        TX-packets: 2657152        TX-dropped: 0             

              ------- Forward Stats for RX Port= 0/Queue= 1 -> TX Port= 1/Queue= 1 -------
              RX-packets: 2657152        TX-packets: 2657152        TX-dropped: 0             

            """;
        string text = Text(new ForwardStatistics([Stream(0, 1, 0), Stream(0, 1, 1), new StreamStatistics(0, 1, 2, 0, 0, 0)],
            [new PortForwarding(0, 0, 0, 0, 0, 0, null, null)]));
        Assert.StartsWith(recorded, text, StringComparison.Ordinal);
        Assert.DoesNotContain("Queue= 2", text, StringComparison.Ordinal);
    }

    [Fact]
    public void CsumModeHasTwoLinesMore()
    {
        string text = Text(new ForwardStatistics([], [new PortForwarding(3, 10, 4, 2, 5, 6, 1, 2)]));
        Assert.Contains("""
              RX-packets: 10             RX-dropped: 4             RX-total: 14
              Bad-ipcsum: 1              Bad-l4csum: 2             Bad-outer-l4csum: 0             
              Bad-outer-ipcsum: 0             
              RX-error: 2
              TX-packets: 5              TX-dropped: 6             TX-total: 11
            """, text, StringComparison.Ordinal);
    }

    [Fact]
    public void JsonHasTheSameNumbers()
    {
        var statistics = new PortStatistics(1, new PortCounters { RxPackets = 7, RxBytes = 70 }, 1, 2, 3, 4);
        Assert.Equal("""{"port":1,"counters":{"rx_packets":7,"rx_missed":0,"rx_bytes":70,"rx_errors":0,"tx_packets":0,"tx_errors":0,"tx_bytes":0},"rx_pps":1,"rx_bps":2,"tx_pps":3,"tx_bps":4}""",
            StatisticsJson.Line(statistics));
        string forward = StatisticsJson.Line(new ForwardStatistics([Stream(0, 1, 0)], [new PortForwarding(0, 1, 2, 0, 3, 4, null, null)]));
        Assert.Contains("\"rx_total\":3", forward, StringComparison.Ordinal);
        Assert.Contains("\"tx_total\":7", forward, StringComparison.Ordinal);
    }

    private static StreamStatistics Stream(int rx, int tx, int queue) => new(rx, tx, queue, 2657152, 2657152, 0);

    private static string Text(PortStatistics statistics)
    {
        var text = new StringWriter { NewLine = "\n" };
        StatisticsScreen.Write(text, statistics);
        return text.ToString();
    }

    private static string Text(ForwardStatistics statistics)
    {
        var text = new StringWriter { NewLine = "\n" };
        StatisticsScreen.Write(text, statistics);
        return text.ToString();
    }
}
