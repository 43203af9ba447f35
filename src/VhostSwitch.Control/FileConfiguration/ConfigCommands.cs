using VhostSwitch.Control.Unixctl;

namespace VhostSwitch.Control.FileConfiguration;

/// <summary>A command that changes the configuration.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Option">The option that it knows.</param>
/// <param name="Arguments">Its arguments, as people write them down.</param>
/// <param name="Fewest">The fewest of them.</param>
/// <param name="Most">The most of them.</param>
/// <param name="Summary">What it does.</param>
/// <param name="Examples">Arguments as they may be, a line each.</param>
internal sealed record ConfigCommand(
    string Name, string Option, string Arguments, int Fewest, int Most, string Summary, params IReadOnlyList<string> Examples)
{
    /// <summary>How it is used.</summary>
    public string Synopsis => $"{Name} [{Option}] {Arguments}";
}

/// <summary>The commands by which a switch with <c>--config</c> is changed while it runs.</summary>
public static class ConfigCommands
{
    private const int Any = int.MaxValue;

    /// <summary>The command that reads the file again.</summary>
    internal const string Reload = "reload";

    /// <summary>The commands that change something.</summary>
    internal static IReadOnlyList<ConfigCommand> Changes { get; } =
    [
        new("add-br", ConfigEdit.MayExist, "BRIDGE [COLUMN=VALUE...]", 1, Any, "make a bridge",
            "br0", "br0 other_config:hwaddr=02:00:00:00:00:01"),
        new("del-br", ConfigEdit.IfExists, "BRIDGE", 1, 1, "remove a bridge and its ports", "br0"),
        new("add-port", ConfigEdit.MayExist, "BRIDGE PORT [COLUMN=VALUE...]", 2, Any,
            "make a port; without a type it is the host's interface of that name",
            "br0 vm0 type=dpdkvhostuser", "br0 vm1 type=dpdkvhostuserclient options:vhost-server-path=/tmp/vm1", "br0 eth1",
            "br0 br0 type=internal", "br0 cap type=dpdk options:dpdk-devargs=net_pcap0,tx_pcap=/tmp/all.pcap",
            "br0 vm2 -- set Interface vm2 type=dpdkvhostuser"),
        new("del-port", ConfigEdit.IfExists, "[BRIDGE] PORT", 1, 2, "remove a port", "vm0", "br0 vm0"),
        new("add-mirror", ConfigEdit.MayExist, "BRIDGE MIRROR [COLUMN=VALUE...]", 2, Any, "make a mirror",
            "br0 m0 select_all=true output_port=cap", "br0 m1 select_src_port=vm0,vm1 output_vlan=99"),
        new("del-mirror", ConfigEdit.IfExists, "BRIDGE MIRROR", 2, 2, "remove a mirror", "br0 m0"),
        new("set", ConfigEdit.IfExists, "TABLE RECORD COLUMN[:KEY]=VALUE...", 3, Any, "set columns of a bridge, port, mirror, or of the switch",
            "port vm0 tag=10", "port vm1 trunks=10,20", "interface vm0 mtu_request=9000", "bridge br0 other_config:hwaddr=02:00:00:00:00:01",
            "open . other_config:userspace-tso-enable=true"),
        new("clear", ConfigEdit.IfExists, "TABLE RECORD COLUMN...", 3, Any, "take values away", "port vm0 tag trunks"),
        new("remove", ConfigEdit.IfExists, "TABLE RECORD COLUMN KEY...", 4, Any, "take elements of a value away",
            "port vm1 trunks 20", "bridge br0 other_config hwaddr"),
    ];

    /// <summary>Their names.</summary>
    internal static IEnumerable<string> Names => Changes.Select(command => command.Name).Append(Reload);

    /// <summary>The tables whose columns a command may name.</summary>
    internal static IReadOnlyList<ConfigTable> TablesOf(ConfigCommand command) => command.Name switch
    {
        "add-br" => [ConfigTable.Bridge],
        "add-port" => [ConfigTable.Port],
        "add-mirror" => [ConfigTable.Mirror],
        "set" or "clear" or "remove" => ConfigTable.All,
        _ => [],
    };

    /// <summary>What may come behind a command, for the shell's completion.</summary>
    /// <param name="words">The command and what is behind it so far.</param>
    internal static IEnumerable<string> Suggest(IReadOnlyList<string> words)
    {
        string name = words.FirstOrDefault(word => !word.StartsWith('-')) ?? "";
        if (Changes.FirstOrDefault(command => command.Name == name) is not { } command) return [];
        var tables = TablesOf(command);
        return
        [
            command.Option,
            .. tables.Count > 1 ? tables.SelectMany(table => table.DatabaseTables).Select(table => table.ToLowerInvariant()) : [],
            .. tables.SelectMany(Columns).Distinct(),
        ];

        static IEnumerable<string> Columns(ConfigTable table) => table.Columns.SelectMany(column => column.Shape == ConfigShape.Map
            ? column.Keys.Select(key => $"{column.Name}:{key.Name}=")
            : column.Type.Words.Select(word => $"{column.Name}={word}").DefaultIfEmpty($"{column.Name}="));
    }

    /// <summary>Adds the commands.</summary>
    /// <param name="server">A server that does not listen yet.</param>
    /// <param name="session">The configuration; null where the switch has no such file.</param>
    /// <param name="instead">What to say where there is no session.</param>
    public static void Register(UnixctlServer server, ConfigSession? session, string instead)
    {
        foreach (var command in Changes)
        {
            Add(command.Name, command.Synopsis[(command.Name.Length + 1)..], Any,
                (session, words) => session.ChangeAsync(ConfigEdit.Parse(command.Name, words)));
        }
        Add(Reload, "", 0, (session, _) => session.ReloadAsync());

        void Add(string name, string usage, int most, Func<ConfigSession, string[], Task<string>> change) =>
            server.Register(new UnixctlCommand(name, usage, 0, most, async words =>
            {
                try
                {
                    return await change(session ?? throw new UnixctlCommandException($"{name}: {instead}"), words).ConfigureAwait(false);
                }
                catch (ConfigException e)
                {
                    throw new UnixctlCommandException(e.Message);
                }
            }));
    }
}
