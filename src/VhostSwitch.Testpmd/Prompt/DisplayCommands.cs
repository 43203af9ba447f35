using VhostSwitch.Testpmd.Ports;
using VhostSwitch.Testpmd.Statistics;

namespace VhostSwitch.Testpmd.Prompt;

/// <summary><c>show</c> and <c>clear</c>.</summary>
/// <param name="session">What they act on.</param>
internal sealed class DisplayCommands(Session session)
{
    private const string Section = "display";

    private TextWriter Output => session.Output;

    /// <summary>Adds the commands to a table.</summary>
    /// <param name="table">The table.</param>
    public void AddTo(List<PromptCommand> table)
    {
        table.Add(new(Section, "show port stats PORTS [--json]", "what ports have counted, and how fast since the last show", ShowStatistics));
        table.Add(new(Section, "show port info PORTS", "what ports are", words => ForEach(words[0], ShowInfo)));
        table.Add(new(Section, "show port xstats PORTS", "all counters, by queues as well", words => ForEach(words[0], ShowExtended)));
        table.Add(new(Section, "show port summary PORTS", "a line for each port", ShowSummary));
        table.Add(new(Section, "clear port stats|xstats|info PORTS", "count from 0 again", words => ForEach(words[1], Clear)));
        table.Add(new(Section, "show fwd stats all [--json]", "what was forwarded since start", words =>
            session.WriteForwardStatistics(session.Json || words[0].Length > 0)));
        table.Add(new(Section, "clear fwd stats all", "count what is forwarded from 0 again", _ => session.ClearForwardStatistics()));
        table.Add(new(Section, "show config rxtx", "burst, queues, offloads", _ => ConfigurationScreen.WriteQueues(session, Output)));
        table.Add(new(Section, "show config fwd", "which streams there are, and which core has them", _ =>
            ConfigurationScreen.WriteForwarding(session, Output)));
        table.Add(new(Section, "show config cores", "the forwarding cores", _ => ShowCores()));
        table.Add(new(Section, "show config txpkts", "the lengths of generated frames", _ => ConfigurationScreen.WriteGenerator(session, Output)));
    }

    private void ForEach(string ports, Action<TestPort> action)
    {
        foreach (var port in PortChoice.Of(session, ports))
            action(port);
    }

    private void ShowStatistics(string[] words) => ForEach(words[0], port =>
    {
        var statistics = port.Show();
        if (session.Json || words[1].Length > 0) Output.WriteLine(StatisticsJson.Line(statistics));
        else StatisticsScreen.Write(Output, statistics);
    });

    private void ShowInfo(TestPort port)
    {
        var device = port.Device;
        Output.WriteLine($"\n********************* Infos for port {port.Id,-2} *********************");
        Output.WriteLine($"MAC address: {port.Address.ToString().ToUpperInvariant()}");
        Output.WriteLine($"Device name: {device.Vdev.Name}");
        Output.WriteLine($"Driver name: {device.Vdev.Driver.Name}");
        Output.WriteLine($"Endpoint: {device.Endpoint}");
        Output.WriteLine($"Link status: {(port.IsUp ? "up" : "down")}");
        Output.WriteLine($"Status: {device.Status}");
        Output.WriteLine("Promiscuous mode: enabled");
        Output.WriteLine("Allmulticast mode: enabled");
        Output.WriteLine($"Current number of RX queues: {session.Settings.RxQueues}");
        Output.WriteLine($"Max possible RX queues: {port.MostQueues}");
        Output.WriteLine($"Current number of TX queues: {session.Settings.TxQueues}");
        Output.WriteLine($"Max possible TX queues: {port.MostQueues}");
        Output.WriteLine($"Unfinished frames: {(device.Offloads.Count == 0 ? "none" : string.Join(' ', device.Offloads))}");
    }

    private void ShowExtended(TestPort port)
    {
        var sum = port.Count();
        Output.WriteLine($"###### NIC extended statistics for port {port.Id,-2}");
        Line("rx_good_packets", sum.RxPackets);
        Line("tx_good_packets", sum.TxPackets);
        Line("rx_good_bytes", sum.RxBytes);
        Line("tx_good_bytes", sum.TxBytes);
        Line("rx_missed_errors", sum.RxMissed);
        Line("rx_errors", sum.RxErrors);
        Line("tx_errors", sum.TxErrors);
        Line("rx_mbuf_allocation_errors", 0);
        foreach (var (queue, block) in port.Device.InputCounters)
        {
            var counters = PortCounters.OfInput(block);
            Line($"rx_q{queue}_packets", counters.RxPackets);
            Line($"rx_q{queue}_bytes", counters.RxBytes);
            Line($"rx_q{queue}_errors", counters.RxErrors);
        }
        foreach (var (queue, block) in port.Device.OutputCounters)
        {
            var counters = PortCounters.OfOutput(block);
            Line($"tx_q{queue}_packets", counters.TxPackets);
            Line($"tx_q{queue}_bytes", counters.TxBytes);
        }
    }

    private void Line(string name, ulong value) => Output.WriteLine($"{name}: {value}");

    private void ShowSummary(string[] words)
    {
        var ports = PortChoice.Of(session, words[0]);
        Output.WriteLine($"Number of available ports: {session.Ports.Count}");
        Output.WriteLine($"{"Port",-4} {"MAC Address",-17} {"Name",-12} {"Driver",-14} {"Status",-8} Endpoint");
        foreach (var port in ports)
        {
            Output.WriteLine($"{port.Id,-4} {port.Address.ToString().ToUpperInvariant(),-17} {port.Device.Vdev.Name,-12} "
                + $"{port.Device.Vdev.Driver.Name,-14} "
                + $"{(port.IsUp ? "up" : "down"),-8} {port.Device.Endpoint}");
        }
    }

    private void Clear(TestPort port)
    {
        session.ClearPort(port);
        Output.WriteLine($"\n  NIC statistics for port {port.Id} cleared");
    }

    private void ShowCores() =>
        Output.WriteLine($"List of forwarding lcores:  {string.Join("  ", session.Settings.Cores.Take(session.Settings.ForwardingCores))}");
}
