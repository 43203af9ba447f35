using System.CommandLine;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Ports;
using VhostSwitch.Testpmd.Modes;

namespace VhostSwitch.Testpmd.CommandLine;

/// <summary>What <c>testpmd --help</c> prints.</summary>
internal static class TestpmdHelp
{
    private static readonly string[] Examples =
    [
        "testpmd -l 0,1 --vdev net_af_packet0,iface=eth1 --vdev net_tap0,iface=tap0 -- -i",
        "    Core 1 forwards between eth1 and tap0, core 0 has the prompt: start, show port stats all, stop, quit.",
        "testpmd --vdev net_af_packet0,iface=eth1 -- --forward-mode=txonly --txpkts=1500 --stats-period 1",
        "    Sends frames of 1500 bytes as fast as eth1 takes them, and prints the rate every second until Ctrl-C.",
        "testpmd --vdev net_ring0,peer=net_ring1 --vdev net_ring1,peer=net_ring0 -- --tx-first --json",
        "    Two ports joined by a wire, a burst goes round; Enter ends, and the statistics are JSON.",
        "printf 'set fwd icmpecho\\nstart\\n' > answer; testpmd --vdev net_tap0,iface=tap0 -- -i --cmdline-file=answer",
        "    Answers every ARP request and ping that the kernel sends to tap0.",
    ];

    /// <summary>Writes the whole text.</summary>
    /// <param name="output">Where to.</param>
    public static void Write(TextWriter output)
    {
        var eal = new EalOptions("testpmd");
        var application = new TestpmdOptions();
        output.WriteLine("testpmd: sends, receives and forwards Ethernet frames between ports, and counts them");
        HelpText.Section(output, "Usage");
        output.WriteLine("  testpmd [EAL options] -- [application options]");
        output.WriteLine("  testpmd --help");
        HelpText.Section(output, "EAL options");
        WriteOptions(output, eal.Effective, eal.NamesWithoutEffect, eal.NamesNotBuilt);
        HelpText.Section(output, "Application options");
        WriteOptions(output, application.Effective, application.NamesWithoutEffect, application.NamesNotBuilt);
        HelpText.Section(output, "Forward modes");
        foreach (var mode in ForwardModes.All)
            HelpText.Row(output, "  " + mode.Name, mode.Summary);
        HelpText.Row(output, "  " + ForwardModes.MacRetry, "the older name of mac with retry: waits and tries again where a queue is full");
        HelpText.Section(output, "Ports");
        HelpText.WritePorts(output, PortDrivers.All);
        HelpText.Section(output, "Exit code");
        output.WriteLine($"  {ExitCode.Ok}  done        {ExitCode.Failed}  bad command line, or could not start");
        HelpText.Section(output, "Examples");
        foreach (string line in Examples)
            output.WriteLine("  " + line);
    }

    private static void WriteOptions(TextWriter output, IEnumerable<Option> effective, IEnumerable<string> withoutEffect,
        IEnumerable<string> notBuilt)
    {
        foreach (var option in effective)
            HelpText.Row(output, HelpText.Label(option), option.Description!);
        HelpText.Row(output, "Accepted without effect:", string.Join(' ', withoutEffect));
        HelpText.Row(output, "Refused, not built:", string.Join(' ', notBuilt));
    }
}
