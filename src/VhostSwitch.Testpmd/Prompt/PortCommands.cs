using VhostSwitch.Ports;
using VhostSwitch.Testpmd.CommandLine;
using VhostSwitch.Testpmd.Ports;

namespace VhostSwitch.Testpmd.Prompt;

/// <summary><c>port</c>.</summary>
/// <param name="session">What they act on.</param>
internal sealed class PortCommands(Session session)
{
    private const string Section = "ports";
    private const int MostQueues = 1024, MostDescriptors = 32768;

    private TextWriter Output => session.Output;

    /// <summary>Adds the commands to a table.</summary>
    /// <param name="table">The table.</param>
    public void AddTo(List<PromptCommand> table)
    {
        table.Add(new(Section, "port start PORTS", "forward by ports again", words => Start(PortChoice.Of(session, words[0]))));
        table.Add(new(Section, "port stop PORTS", "do not forward by ports; stop first", words => Stop(PortChoice.Of(session, words[0]))));
        table.Add(new(Section, "port close PORTS", "close ports that were stopped", words => Close(PortChoice.Of(session, words[0]))));
        table.Add(new(Section, "port reset PORTS", "not built", _ =>
            throw new TestpmdException("port reset is not built: type port close and port attach")));
        table.Add(new(Section, "port attach VDEV", "make a port, as --vdev does: net_tap1,iface=tap1", words => Attach(words[0])));
        table.Add(new(Section, "port detach PORT", "close a port", words => Close([PortChoice.One(session, words[0])])));
        table.Add(new(Section, "port config all rxq|txq|rxd|txd N", "queues and descriptors of all ports, which were stopped", ConfigureAll));
        table.Add(new(Section, "port config PORT rx_offload|tx_offload NAME on|off",
            "what is done for frames of a port, which was stopped: tcp_cksum, tcp_tso", ConfigureOffload));
        table.Add(new(Section, "port config mtu PORT MTU", "not built", _ =>
            throw new TestpmdException("port config mtu is not built: set it at the interface, with ip link")));
    }

    private void Start(IReadOnlyList<TestPort> ports)
    {
        foreach (var port in ports)
        {
            if (port.Started) Output.WriteLine($"Port {port.Id} is now not stopped");
            else session.Renew(port);
            port.Started = true;
            Output.WriteLine($"Port {port.Id}: {port.Address.ToString().ToUpperInvariant()}");
        }
        CheckLinks(ports);
    }

    private void Stop(IReadOnlyList<TestPort> ports)
    {
        Output.WriteLine("Stopping ports...");
        foreach (var port in ports)
        {
            if (IsForwardedBy(port)) Output.WriteLine($"Please remove port {port.Id} from forwarding configuration: stop first");
            else port.Started = false;
        }
        CheckLinks(ports);
    }

    private void Close(IReadOnlyList<TestPort> ports)
    {
        Output.WriteLine("Closing ports...");
        foreach (var port in ports)
        {
            if (IsForwardedBy(port)) Output.WriteLine($"Please remove port {port.Id} from forwarding configuration: stop first");
            else if (port.Started) Output.WriteLine($"Cannot close started device (port {port.Id}): port stop {port.Id} first");
            else session.RemovePort(port);
        }
        Output.WriteLine("Done");
    }

    private void Attach(string text)
    {
        Output.WriteLine("Attaching a new port...");
        var vdev = Vdev.Parse(text, PortDrivers.All);
        if (session.Ports.Values.Any(port => port.Device.Vdev.Name == vdev.Name))
            throw new TestpmdException($"{vdev.Name} is there already: every device has a name of its own");
        if (session.IsForwarding) throw new TestpmdException("Please stop forwarding first");
        var port = session.AddPort(vdev);
        Output.WriteLine($"Port {port.Id} is attached. Now total ports is {session.Ports.Count}\nDone");
    }

    private void ConfigureAll(string[] words)
    {
        if (session.Ports.Values.Any(port => port.Started)) throw new TestpmdException("Please stop all ports first");
        bool queues = words[0] is "rxq" or "txq";
        int number = Numbers.Read(words[1], words[0], queues ? 1 : 0, queues ? MostQueues : MostDescriptors);
        var settings = session.Settings;
        switch (words[0])
        {
            case "rxq":
                settings.RxQueues = number;
                break;
            case "txq":
                settings.TxQueues = number;
                break;
            case "rxd":
                settings.RxDescriptors = number;
                break;
            default:
                settings.TxDescriptors = number;
                break;
        }
        if (!queues) Output.WriteLine($"{words[0]} {number} is shown and has no effect: a device's own arguments size its queues");
    }

    private void ConfigureOffload(string[] words)
    {
        var port = PortChoice.One(session, words[0]);
        bool tx = words[1] == "tx_offload";
        ulong bit = OffloadBits.Find(tx, words[2]);
        if (port.Started) throw new TestpmdException($"Please stop port {port.Id} first");
        bool on = Numbers.IsOn(words[3]);
        if (tx) port.TxOffloads = on ? port.TxOffloads | bit : port.TxOffloads & ~bit;
        else port.RxOffloads = on ? port.RxOffloads | bit : port.RxOffloads & ~bit;
    }

    private bool IsForwardedBy(TestPort port) => session.IsForwarding && session.ForwardingPorts.Contains(port);

    private void CheckLinks(IReadOnlyList<TestPort> ports)
    {
        Output.WriteLine("Checking link statuses...");
        foreach (var port in ports.Where(port => !port.IsUp))
            Output.WriteLine($"Port {port.Id} Link down: {port.Device.Status}");
        Output.WriteLine("Done");
    }
}
