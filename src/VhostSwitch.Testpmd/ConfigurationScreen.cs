namespace VhostSwitch.Testpmd;

/// <summary>What <c>show config</c> and <c>start</c> print, with the labels of DPDK's testpmd.</summary>
internal static class ConfigurationScreen
{
    /// <summary>Which streams there are, and which core has them: <c>show config fwd</c>.</summary>
    /// <param name="session">The session.</param>
    /// <param name="output">Where to.</param>
    public static void WriteForwarding(Session session, TextWriter output)
    {
        var settings = session.Settings;
        var shares = session.Spread(session.MakeStreams());
        int streams = shares.Sum(share => share.Streams.Length);
        output.WriteLine($"{settings.Mode.Name} packet forwarding{Retry(settings)} - ports={session.ForwardingPorts.Count} - cores={shares.Count} "
            + $"- streams={streams}");
        if (settings.Retries) output.WriteLine($"TX retry num: {settings.Retry.Tries}, delay between TX retries: {settings.Retry.DelayUs}us");
        foreach (var (core, some) in shares)
        {
            output.WriteLine($"Logical Core {core} (socket 0) forwards packets on {some.Length} streams:");
            foreach (var stream in some)
            {
                output.WriteLine($"  RX P={stream.RxPort.Id}/Q={stream.Queue} (socket 0) -> TX P={stream.TxPort.Id}/Q={stream.Queue} (socket 0) "
                    + $"peer={stream.TxPort.Peer.ToString().ToUpperInvariant()}");
            }
        }
        output.WriteLine();
    }

    /// <summary>Burst, queues and offloads: <c>show config rxtx</c>.</summary>
    /// <param name="session">The session.</param>
    /// <param name="output">Where to.</param>
    public static void WriteQueues(Session session, TextWriter output)
    {
        var settings = session.Settings;
        output.WriteLine($"  {settings.Mode.Name} packet forwarding{Retry(settings)} packets/burst={settings.Burst}");
        if (settings.Mode is Modes.GeneratingMode)
            output.WriteLine($"  packet len={settings.Generator.Segments.Sum()} - nb packet segments={settings.Generator.Segments.Count}");
        output.WriteLine($"  nb forwarding cores={settings.ForwardingCores} - nb forwarding ports={session.ForwardingPorts.Count}");
        foreach (var port in session.ForwardingPorts)
        {
            output.WriteLine($"  port {port.Id}: RX queue number: {settings.RxQueues} Tx queue number: {settings.TxQueues}");
            output.WriteLine($"    Rx offloads=0x{port.RxOffloads:x} Tx offloads=0x{port.TxOffloads:x}");
            for (int queue = 0; queue < settings.RxQueues; queue++)
                output.WriteLine($"    RX queue: {queue}\n      RX desc={settings.RxDescriptors}");
            for (int queue = 0; queue < settings.TxQueues; queue++)
                output.WriteLine($"    TX queue: {queue}\n      TX desc={settings.TxDescriptors}");
        }
    }

    /// <summary>The lengths of generated frames: <c>show config txpkts</c>.</summary>
    /// <param name="session">The session.</param>
    /// <param name="output">Where to.</param>
    public static void WriteGenerator(Session session, TextWriter output)
    {
        var segments = session.Settings.Generator.Segments;
        output.WriteLine($"Number of segments: {segments.Count}");
        output.WriteLine($"Segment sizes: {string.Join(',', segments)}");
        output.WriteLine("Split packet: off");
    }

    private static string Retry(Settings settings) => settings.Retries ? " with retry" : "";
}
