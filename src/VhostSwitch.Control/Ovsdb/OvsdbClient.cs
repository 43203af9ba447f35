using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Configuration;

namespace VhostSwitch.Control.Ovsdb;

/// <summary>
/// Has a switch do what Open vSwitch's database says, and the database say what the switch does, in the place of <c>ovs-vswitchd</c>. It
/// connects again whenever the server has gone; the switch goes on meanwhile, and all that is found then is compared with what it is. Runs
/// on service threads.
/// </summary>
public sealed class OvsdbClient
{
    private const string Lock = "ovs_vswitchd";
    private const int LeastStatisticsMs = 5000;

    // A link that comes or goes is in the database within this time.
    private static readonly TimeSpan LookPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(8);

    private readonly string _path;
    private readonly IConfigurable _switch;
    private readonly string _version;
    private readonly Action<LogLevel, string> _log;
    private string? _saidLast;

    // Of one connection.
    private OvsdbReplica _replica = new();
    private bool _isOwner;
    private bool _changed;
    private long _configured;
    private long _statisticsWritten;

    /// <summary>Makes a client that is not connected.</summary>
    /// <param name="path">The socket of <c>ovsdb-server</c>.</param>
    /// <param name="configurable">The switch.</param>
    /// <param name="version">This program's name and version.</param>
    /// <param name="log">Takes each line that people should read; called on any thread.</param>
    public OvsdbClient(string path, IConfigurable configurable, string version, Action<LogLevel, string> log)
    {
        _path = path;
        _switch = configurable;
        _version = version;
        _log = log;
    }

    /// <summary>Works until it is cancelled.</summary>
    /// <param name="cancellation">Ends it.</param>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var pause = FirstPause;
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await WorkAsync(() => pause = FirstPause, cancellation).ConfigureAwait(false);
            }
            catch (OvsdbException e)
            {
                Say(LogLevel.Warning, $"ovsdb: {e.Message}; the ports stay as they are, trying again");
            }
            catch (OperationCanceledException)
            {
                return;
            }
            await Task.Delay(pause, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private async Task WorkAsync(Action connected, CancellationToken cancellation)
    {
        using var connection = await OvsdbConnection.ConnectAsync(_path, Hear, cancellation).ConfigureAwait(false);
        _replica = new OvsdbReplica();
        _isOwner = false;
        _changed = true;
        _statisticsWritten = 0;
        _replica.Apply(await connection.CallAsync("monitor", WriteMonitor, cancellation).ConfigureAwait(false));
        var locked = await connection.CallAsync("lock", writer => writer.WriteStringValue(Lock), cancellation).ConfigureAwait(false);
        _isOwner |= locked.GetProperty("locked").GetBoolean();
        connected();
        Say(LogLevel.Info, _isOwner ? $"ovsdb: {_path}: connected"
            : $"ovsdb: {_path}: another program configures by this database; waiting for its lock {Lock}");
        while (true)
        {
            if (_isOwner)
            {
                await ServeAsync(connection, cancellation).ConfigureAwait(false);
            }
            else if (_changed)
            {
                // Two that serve the same ports would take each other's sockets.
                _changed = false;
                await _switch.ConfigureAsync(WantedSwitch.Nothing).ConfigureAwait(false);
            }
            if (!_changed) await connection.WaitAsync(LookPeriod, cancellation).ConfigureAwait(false);
        }
    }

    private async Task ServeAsync(OvsdbConnection connection, CancellationToken cancellation)
    {
        SwitchReport report;
        bool isNew = _changed;
        if (_changed)
        {
            _changed = false;
            // Whoever waits does so for what it has written itself, or more: not for what comes while this is done.
            _configured = OvsdbConfiguration.Root(_replica)?["next_cfg"].Number ?? 0;
            report = await _switch.ConfigureAsync(OvsdbConfiguration.Of(_replica)).ConfigureAwait(false);
        }
        else
        {
            report = await _switch.ReportAsync().ConfigureAwait(false);
        }
        bool withStatistics = Stopwatch.GetElapsedTime(_statisticsWritten).TotalMilliseconds >= StatisticsPeriodMs();
        if (withStatistics) _statisticsWritten = Stopwatch.GetTimestamp();
        var updates = OvsdbRows.Differences(_replica, report, _configured, _version, withStatistics);
        if (updates.Count == 0) return;
        var results = await connection.CallAsync("transact", writer => WriteTransaction(writer, updates), cancellation).ConfigureAwait(false);
        foreach (var result in results.EnumerateArray())
        {
            // Operations behind one that failed have no result.
            if (result.ValueKind != JsonValueKind.Object || !result.TryGetProperty("error", out var error)) continue;
            // The lock is another's by now, and a notification says so.
            if (error.ValueEquals("not owner"u8)) return;
            throw new OvsdbException($"the database did not take what it should say of the switch: {result.GetRawText()}");
        }
        if (isNew) _log(LogLevel.Debug, $"ovsdb: configuration {_configured} is done");
    }

    private void Hear(string method, JsonElement parameters)
    {
        switch (method)
        {
            case "update":
                _changed |= _replica.Apply(parameters[1]);
                break;
            case "locked":
                _isOwner = _changed = true;
                Say(LogLevel.Info, $"ovsdb: {_path}: the lock {Lock} is free, this switch configures by the database now");
                break;
            case "stolen":
                _isOwner = false;
                _changed = true;
                Say(LogLevel.Warning, $"ovsdb: {_path}: another program has taken the lock {Lock}; this switch gives its ports up and waits");
                break;
        }
    }

    private int StatisticsPeriodMs()
    {
        string? text = OvsdbConfiguration.Root(_replica)?["other_config"].Map.GetValueOrDefault("stats-update-interval");
        bool isGiven = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int period);
        return isGiven ? Math.Max(period, LeastStatisticsMs) : LeastStatisticsMs;
    }

    private static void WriteMonitor(Utf8JsonWriter writer)
    {
        writer.WriteStringValue(OvsdbTables.Database);
        writer.WriteNullValue();
        writer.WriteStartObject();
        foreach (var table in OvsdbTables.All)
        {
            writer.WriteStartObject(table.Name);
            writer.WriteStartArray("columns");
            foreach (string column in table.Configuration.Concat(table.Written))
                writer.WriteStringValue(column);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    private static void WriteTransaction(Utf8JsonWriter writer, IReadOnlyList<OvsdbUpdate> updates)
    {
        writer.WriteStringValue(OvsdbTables.Database);
        writer.WriteStartObject();
        writer.WriteString("op", "assert");
        writer.WriteString("lock", Lock);
        writer.WriteEndObject();
        foreach (var update in updates)
            update.Write(writer);
    }

    // Once: a server that stays away is not spoken of every few seconds.
    private void Say(LogLevel level, string line)
    {
        if (line != _saidLast) _log(level, line);
        _saidLast = line;
    }
}
