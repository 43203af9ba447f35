using VhostSwitch.Control.Show;
using VhostSwitch.Control.Statistics;

namespace VhostSwitch.Control.Unixctl;

/// <summary>The commands of the switch: what its state is, and that it shall stop.</summary>
public static class SwitchCommands
{
    /// <summary>The argument that asks for JSON.</summary>
    public const string JsonArgument = "--json";

    /// <summary>Adds the commands <c>show</c>, <c>show-json</c>, <c>stats</c>, <c>mac-table</c>, <c>fdb/show</c> and <c>exit</c>.</summary>
    /// <param name="server">A server that does not listen yet.</param>
    /// <param name="snapshot">Takes a snapshot; called on any thread.</param>
    /// <param name="statistics">Takes the devices' statistics; called on any thread.</param>
    /// <param name="ovs">Knows bridges by name.</param>
    /// <param name="exit">Asks the switch to stop, and returns at once; called on any thread.</param>
    public static void Register(
        UnixctlServer server,
        Func<Task<SwitchSnapshot>> snapshot,
        Func<Task<IReadOnlyList<DeviceStatistics>>> statistics,
        OvsCommands ovs,
        Action exit)
    {
        Add("show", ShowAsync);
        Add("stats", StatisticsAsync);
        Add("mac-table", MacTableAsync);
        server.Register(new UnixctlCommand("fdb/show", $"[bridge | {JsonArgument}]", 0, 1, arguments => arguments switch
        {
            [] => MacTableAsync(json: false),
            [JsonArgument] => MacTableAsync(json: true),
            [var bridge, ..] => ovs.AddressesAsync(bridge),
        }));
        ovs.Register(server);
        server.Register(new UnixctlCommand("show-json", "", 0, 0, _ => ShowAsync(json: true)));
        server.Register(new UnixctlCommand("exit", "[--cleanup]", 0, 1, _ =>
        {
            exit();
            return ValueTask.FromResult("");
        }));

        async ValueTask<string> ShowAsync(bool json)
        {
            var now = await snapshot().ConfigureAwait(false);
            return json ? ShowJson.Write(now) : SnapshotView.PlainText(now);
        }

        async ValueTask<string> StatisticsAsync(bool json)
        {
            var now = await statistics().ConfigureAwait(false);
            return json ? ShowJson.Write(now) : StatisticsScreen.Text(now);
        }

        async ValueTask<string> MacTableAsync(bool json)
        {
            var table = (await snapshot().ConfigureAwait(false)).MacTable;
            return json ? ShowJson.Write(table) : SnapshotView.PlainText(table);
        }

        void Add(string name, Func<bool, ValueTask<string>> answer) =>
            server.Register(new UnixctlCommand(name, $"[{JsonArgument}]", 0, 1, arguments => arguments switch
            {
                [] => answer(false),
                [JsonArgument] => answer(true),
                _ => throw new UnixctlCommandException($"\"{name}\" takes {JsonArgument} or nothing, '{arguments[0]}' was given"),
            }));
    }
}
