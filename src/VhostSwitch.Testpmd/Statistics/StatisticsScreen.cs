namespace VhostSwitch.Testpmd.Statistics;

/// <summary>The statistics as DPDK's testpmd prints them: scripts look for these labels, at these places.</summary>
internal static class StatisticsScreen
{
    private const string PortBorder = "########################";
    private const string ForwardBorder = "----------------------";
    private const string TotalBorder = "+++++++++++++++";
    private const int ScreenWidth = 76;

    /// <summary>What a port has counted, and how fast since the last show.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="statistics">What to show.</param>
    public static void Write(TextWriter output, PortStatistics statistics)
    {
        var c = statistics.Counters;
        output.WriteLine($"\n  {PortBorder} NIC statistics for port {statistics.Port,-2} {PortBorder}");
        output.WriteLine($"  RX-packets: {c.RxPackets,-10} RX-missed: {c.RxMissed,-10} RX-bytes:  {c.RxBytes}");
        output.WriteLine($"  RX-errors: {c.RxErrors}");
        output.WriteLine($"  RX-nombuf:  {0,-10}");
        output.WriteLine($"  TX-packets: {c.TxPackets,-10} TX-errors: {c.TxErrors,-10} TX-bytes:  {c.TxBytes}");
        output.WriteLine("\n  Throughput (since last show)");
        output.WriteLine($"  Rx-pps: {statistics.RxPps,12}          Rx-bps: {statistics.RxBps,12}");
        output.WriteLine($"  Tx-pps: {statistics.TxPps,12}          Tx-bps: {statistics.TxBps,12}");
        output.WriteLine($"  {new string('#', ScreenWidth)}");
    }

    /// <summary>What was forwarded since the start.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="statistics">What to show.</param>
    public static void Write(TextWriter output, ForwardStatistics statistics)
    {
        // As long as every port has one stream, the ports say it all.
        if (statistics.Streams.Count > statistics.Ports.Count)
        {
            foreach (var stream in statistics.Streams)
                Write(output, stream);
        }
        foreach (var port in statistics.Ports)
        {
            output.WriteLine($"\n  {ForwardBorder} Forward statistics for port {port.Port,-2} {ForwardBorder}");
            WriteLines(output, port);
            output.WriteLine($"  {new string('-', ScreenWidth)}");
        }
        output.WriteLine($"\n  {TotalBorder} Accumulated forward statistics for all ports{TotalBorder}");
        WriteLines(output, statistics.Total);
        output.WriteLine($"  {new string('+', ScreenWidth)}");
    }

    private static void Write(TextWriter output, StreamStatistics stream)
    {
        if ((stream.RxPackets | stream.TxPackets | stream.TxDropped) == 0) return;
        output.WriteLine($"\n  ------- Forward Stats for RX Port={stream.RxPort,2}/Queue={stream.Queue,2} "
            + $"-> TX Port={stream.TxPort,2}/Queue={stream.Queue,2} -------");
        output.WriteLine($"  RX-packets: {stream.RxPackets,-14} TX-packets: {stream.TxPackets,-14} TX-dropped: {stream.TxDropped,-14}");
    }

    private static void WriteLines(TextWriter output, PortForwarding port)
    {
        output.WriteLine($"  RX-packets: {port.RxPackets,-14} RX-dropped: {port.RxDropped,-14}RX-total: {port.RxTotal}");
        if (port is { BadIpChecksum: { } badIp, BadL4Checksum: { } badL4 })
        {
            output.WriteLine($"  Bad-ipcsum: {badIp,-14} Bad-l4csum: {badL4,-14}Bad-outer-l4csum: {0,-14}");
            output.WriteLine($"  Bad-outer-ipcsum: {0,-14}");
        }
        if (port.RxErrors != 0) output.WriteLine($"  RX-error: {port.RxErrors}");
        output.WriteLine($"  TX-packets: {port.TxPackets,-14} TX-dropped: {port.TxDropped,-14}TX-total: {port.TxTotal}");
    }
}
