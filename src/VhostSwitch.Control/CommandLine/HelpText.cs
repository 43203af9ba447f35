using System.CommandLine;
using VhostSwitch.Control.Unixctl;
using VhostSwitch.Ports;

namespace VhostSwitch.Control.CommandLine;

/// <summary>What <c>--help</c> prints.</summary>
public static class HelpText
{
    private const int Width = 110;
    private const int Indent = 30;

    private static readonly string[] Examples =
    [
        "vhost-switch",
        "    Serves ./vhost-net; every guest that connects to it is a device of its own.",
        "vhost-switch --socket-file /tmp/sock0 --socket-file /tmp/sock1",
        "    Two sockets. Without EAL options '--' may be left out.",
        "vhost-switch -c f -n 4 --socket-mem 1024 --huge-dir /mnt/huge -- -p 0x1 --dev-basename usvhost",
        "    As DPDK's documents write it: a socket usvhost in the current directory.",
        "vhost-switch -l 1 -- --socket-file /tmp/sock0 --mergeable 1 --tx-csum 1 --tso 1",
        "    Core 1 polls; guests may leave checksums and segmentation to each other.",
        "vhost-switch -l 1 -- --socket-file /tmp/sock0 --rx-retry 1 --rx-retry-num 5 --rx-retry-delay 20 --stats 2",
        "    Waits longer for guests that are slow to take frames, and prints statistics every 2 s.",
        "vhost-switch -l 1 -- --config /etc/vhost-switch.json",
        "    Bridges and ports are those of the file; vhost-switch ctl add-br br0, ctl add-port br0 vm0 type=dpdkvhostuser change it.",
        "qemu-system-x86_64 ... -object memory-backend-memfd,id=mem,size=1G,share=on -numa node,memdev=mem \\",
        "    -chardev socket,id=c1,path=/tmp/sock0 -netdev type=vhost-user,id=n1,chardev=c1 -device virtio-net-pci,netdev=n1",
        "    A guest for it.",
    ];

    /// <summary>Writes the whole text.</summary>
    /// <param name="output">Where to.</param>
    public static void Write(TextWriter output)
    {
        var eal = new EalOptions();
        var application = new ApplicationOptions();
        output.WriteLine("vhost-switch: a switch between virtual machines and containers, over vhost-user sockets");
        Section(output, "Usage");
        output.WriteLine("  vhost-switch [EAL options] -- [application options]     run the switch until SIGINT or SIGTERM");
        output.WriteLine("  vhost-switch demo [--seconds N] [--size BYTES] [--json]");
        Row(output, "", "two built-in guests exchange checked frames");
        output.WriteLine("  vhost-switch ctl [--socket PATH] COMMAND [ARGUMENT...]");
        Row(output, "", "ask or change a running switch; ctl --help says what");
        output.WriteLine("  vhost-switch completion bash|zsh");
        Row(output, "", "print a script for the shell's completion");
        output.WriteLine("  vhost-switch --help | --version");

        Section(output, "EAL options");
        foreach (var option in eal.Effective)
            Row(output, Label(option), option.Description!);
        Row(output, "Accepted without effect:", string.Join(' ', eal.NamesWithoutEffect));
        Row(output, "Refused, not built yet:", string.Join(' ', eal.NamesNotBuilt));

        Section(output, "Application options");
        foreach (var option in application.Options)
            Row(output, Label(option), option.Description!);

        Section(output, "Ports");
        WritePorts(output, PortDrivers.All);

        Section(output, "Control socket");
        Row(output, "  " + ControlSocketPath.SystemDirectory + "/", "NAME.ctl, NAME being that of --file-prefix, where the user may write there;");
        Row(output, "  $XDG_RUNTIME_DIR/vhost-switch/", "NAME.ctl otherwise. Only the same user can connect. ovs-appctl -t PATH works as well.");

        Section(output, "Exit code");
        output.WriteLine(
            $"  {ExitCode.Ok}  done        {ExitCode.Failed}  could not start, or failed        "
            + $"{ExitCode.BadCommandLine}  bad command line, or file of --config");

        Section(output, "Examples");
        foreach (string line in Examples)
            output.WriteLine("  " + line);
    }

    /// <summary>Writes what ports there are, with their arguments.</summary>
    internal static void WritePorts(TextWriter output, IReadOnlyList<PortDriver> drivers)
    {
        foreach (var driver in drivers)
        {
            Row(output, $"  {driver.Name}N", driver.Summary);
            foreach (var argument in driver.Arguments)
                Row(output, $"    {argument.Key}={argument.ValueName}", argument.Help);
        }
    }

    /// <summary>Writes the title of a section.</summary>
    internal static void Section(TextWriter output, string title)
    {
        output.WriteLine();
        output.WriteLine(title + ":");
    }

    /// <summary>The names of an option, and what stands for its value.</summary>
    internal static string Label(Option option)
    {
        string names = string.Join(", ", option.Aliases.Prepend(option.Name));
        return option is ValueOption ? $"  {names} {option.HelpName}" : $"  {names}";
    }

    /// <summary>Writes two columns; the first has a line of its own where it is too wide.</summary>
    internal static void Row(TextWriter output, string left, string right)
    {
        if (left.Length >= Indent)
        {
            output.WriteLine(left);
            left = "";
        }
        string line = left.PadRight(Indent);
        foreach (string word in right.Split(' '))
        {
            if (line.Length + word.Length > Width)
            {
                output.WriteLine(line.TrimEnd());
                line = new string(' ', Indent);
            }
            line += word + " ";
        }
        output.WriteLine(line.TrimEnd());
    }
}
