using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace VhostSwitch.Control.Show;

/// <summary>
/// A snapshot for people. First what each port waits for, then what went through its queues, then addresses and poll threads.
/// </summary>
public static class SnapshotView
{
    // Wider than any line, so that nothing is wrapped or cut where the reader is a file or another program.
    private const int PlainWidth = 10_000;

    /// <summary>Writes a snapshot to a terminal, in its width and colours.</summary>
    /// <param name="console">The terminal.</param>
    /// <param name="snapshot">The snapshot.</param>
    public static void Write(IAnsiConsole console, SwitchSnapshot snapshot)
    {
        console.WriteLine($"vhost-switch {snapshot.Version}, mode {snapshot.Mode.ToString().ToLowerInvariant()}");
        if (snapshot.Steering is { } steering) console.WriteLine($"steering: {steering.By} ({steering.Reason})");
        if (snapshot.Bridges.Count > 0) Section("Bridges", Bridges(snapshot.Bridges));
        foreach (var (title, table) in (ReadOnlySpan<(string, Table)>)
            [
                ("Ports", Ports(snapshot.Ports)),
                ("Queues", Queues(snapshot.Ports)),
                ("Features", Features(snapshot.Ports)),
                ("MAC table", MacTable(snapshot.MacTable)),
                ("Poll threads", PollThreads(snapshot.PollThreads)),
            ])
        {
            Section(title, table);
        }

        void Section(string title, Table table)
        {
            console.WriteLine();
            console.WriteLine(title);
            Write(console, table);
        }
    }

    /// <summary>The same as plain text, each row on one line however long.</summary>
    /// <param name="snapshot">The snapshot.</param>
    public static string PlainText(SwitchSnapshot snapshot) => Plain(console => Write(console, snapshot));

    /// <summary>The MAC table alone as plain text.</summary>
    /// <param name="entries">The addresses.</param>
    public static string PlainText(IReadOnlyList<MacTableEntry> entries) => Plain(console => Write(console, MacTable(entries)));

    private static Table Bridges(IReadOnlyList<BridgePorts> bridges)
    {
        var table = Columns("Bridge", "Port", "Number", "Type", "Note");
        foreach (var bridge in bridges)
        {
            string status = string.Join("; ", bridge.Status.OrderBy(line => line.Key, StringComparer.Ordinal).Select(line => $"{line.Key}: {line.Value}"));
            Row(table, new Text(bridge.Name), new Text("-"), new Text("-"), new Text("-"), new Text(status == "" ? "-" : status));
            foreach (var port in bridge.Ports)
                Row(table, new Text(bridge.Name), new Text(port.Name), Number(port.Number), new Text(port.Type), new Text(port.Note ?? "-"));
        }
        return table;
    }

    private static Table Ports(IReadOnlyList<PortSnapshot> ports)
    {
        var table = Columns("Port", "Driver", "Device", "Status", "Drops", "Endpoint");
        foreach (var port in ports)
        {
            Row(table, new Text(port.Name), new Text(port.Driver), Number(port.Device), new Text(port.Status, StatusStyle(port.Status)), Number(port.DropsTotal),
                new Text(port.Endpoint));
        }
        return table;
    }

    private static Table Queues(IReadOnlyList<PortSnapshot> ports)
    {
        var table = Columns("Port", "Queue", "Direction", "Enabled", "Size", "Thread", "Frames", "Bytes", "Notifications", "Drops");
        foreach (var (port, queue) in ports.SelectMany(port => port.Queues.Select(queue => (port, queue))))
        {
            string drops = string.Join(' ', queue.Drops.Where(drop => drop.Value > 0).Select(drop => $"{drop.Key}={drop.Value}"));
            string direction = queue.Direction switch
            {
                QueueDirection.ToGuest => "to guest",
                QueueDirection.FromGuest => "from guest",
                QueueDirection.ToWire => "to wire",
                _ => "from wire",
            };
            Row(table, new Text(port.Name), Number(queue.Index), new Text(direction), new Text(queue.Enabled ? "yes" : "no"), Number(queue.Size),
                Number(queue.PollThread), Number(queue.Frames), Number(queue.Bytes), Number(queue.Notifications),
                new Text(drops == "" ? "-" : drops));
        }
        return table;
    }

    private static Table Features(IReadOnlyList<PortSnapshot> ports)
    {
        var table = Columns("Port", "Features", "Vhost-user");
        foreach (var port in ports.Where(port => port.Features.Count > 0))
            Row(table, new Text(port.Name), Names(port.Features), Names(port.ProtocolFeatures));
        return table;
    }

    private static Table MacTable(IReadOnlyList<MacTableEntry> entries)
    {
        var table = Columns("MAC", "VLAN", "Port", "Age (s)");
        foreach (var entry in entries)
            Row(table, new Text(entry.Mac), Number(entry.Vlan), new Text(entry.Port), Number(entry.AgeS));
        return table;
    }

    private static Table PollThreads(IReadOnlyList<PollThreadSnapshot> threads)
    {
        var table = Columns("Thread", "Core", "State", "Queues", "Frames", "Busy", "Frames/s", "ns/frame", "Cycles/frame", "Burst", "Collections", "Allocated bytes");
        foreach (var thread in threads)
        {
            var core = thread.Core < 0 ? new Text("any") : Number(thread.Core);
            var busy = new Text(string.Create(CultureInfo.InvariantCulture, $"{100 * thread.BusyShare:0.0} %"));
            Row(table, Number(thread.Index), core, new Text(thread.State), Number(thread.Queues), Number(thread.Frames), busy,
                Number(thread.FramesPerSecond), Number(thread.NsPerFrame), Number(thread.CyclesPerFrame), Number(thread.MeanBurst),
                Number(thread.GcCollections), Number(thread.AllocatedBytes));
        }
        return table;
    }

    private static Table Columns(params ReadOnlySpan<string> titles)
    {
        var table = new Table();
        foreach (string title in titles)
            table.AddColumn(new TableColumn(new Text(title)));
        return table;
    }

    private static void Row(Table table, params IRenderable[] cells) => table.AddRow(cells);

    private static Text Number<T>(T? value)
        where T : struct, IFormattable => new(value?.ToString(null, CultureInfo.InvariantCulture) ?? "-");

    private static Text Number<T>(T value)
        where T : struct, IFormattable => Number((T?)value);

    private static Text Names(IReadOnlyList<string> names) => new(names.Count == 0 ? "-" : string.Join(' ', names));

    private static Style StatusStyle(string status) =>
        status.StartsWith("up", StringComparison.Ordinal) ? new Style(Color.Green)
        : status.StartsWith("broken", StringComparison.Ordinal) ? new Style(Color.Red)
        : new Style(Color.Yellow);

    // Lines around cells help eyes; columns of words help grep and awk.
    private static void Write(IAnsiConsole console, Table table)
    {
        table.Border = console.Profile.Capabilities.Ansi ? TableBorder.Rounded : TableBorder.None;
        if (table.Rows.Count == 0) console.WriteLine("(none)");
        else console.Write(table);
    }

    private static string Plain(Action<IAnsiConsole> write)
    {
        using var text = new StringWriter { NewLine = "\n" };
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            // Nothing of this process's environment concerns the reader.
            Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = PlainWidth;
        write(console);
        return string.Join('\n', text.ToString().Split('\n').Select(line => line.TrimEnd()));
    }
}
