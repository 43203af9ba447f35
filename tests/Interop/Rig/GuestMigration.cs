using System.Text.Json;
using System.Text.Json.Nodes;

namespace VhostSwitch.Interop.Rig;

/// <summary>Live migration from one QEMU to another on this host, in the commands of their monitors.</summary>
internal static class GuestMigration
{
    /// <summary>Memory is transferred by the emulators' own threads, beside everything else that runs on a few cores.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(180);

    /// <summary>Switches a capability on; for most of them both sides must have it.</summary>
    public static Task UseMigrationCapabilityAsync(this QemuGuest guest, string capability) => guest.Monitor.ExecuteAsync(
        "migrate-set-capabilities",
        new JsonObject { ["capabilities"] = new JsonArray(new JsonObject { ["capability"] = capability, ["state"] = true }) });

    /// <summary>Starts to send the guest to the QEMU that waits at a socket.</summary>
    public static Task StartMigrationAsync(this QemuGuest guest, string socket) =>
        guest.Monitor.ExecuteAsync("migrate", new JsonObject { ["uri"] = $"unix:{socket}" });

    /// <summary>Slows the copying down, so that a guest that writes a lot cannot be caught up with.</summary>
    public static Task LimitMigrationAsync(this QemuGuest guest, int bytesPerSecond) =>
        guest.Monitor.ExecuteAsync("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = bytesPerSecond });

    /// <summary>Has the guest run on the other side from now on, while what is left of its memory follows it.</summary>
    public static Task StartPostcopyAsync(this QemuGuest guest) => guest.Monitor.ExecuteAsync("migrate-start-postcopy");

    /// <summary>Waits until QEMU says that the migration has come so far.</summary>
    /// <returns>What query-migrate returned last.</returns>
    /// <exception cref="RigException">The migration failed.</exception>
    public static async Task<JsonElement> WaitForMigrationAsync(this QemuGuest guest, Func<JsonElement, bool> condition, string what)
    {
        JsonElement state = default;
        await Until.TrueAsync(
            async () =>
            {
                state = await guest.Monitor.ExecuteAsync("query-migrate");
                return StatusOf(state) is "failed" or "cancelled"
                    ? throw new RigException($"the migration failed: {state}", guest.Monitor.Transcript, guest.Console)
                    : condition(state);
            },
            Limit,
            what,
            () => state.ToString());
        return state;
    }

    /// <summary>Waits until the guest runs on the other side and nothing of it is left here.</summary>
    public static Task<JsonElement> WaitForMigratedAsync(this QemuGuest guest) =>
        guest.WaitForMigrationAsync(state => StatusOf(state) == "completed", "the migration is completed");

    /// <summary>"setup", "active", "postcopy-active", "completed", ...; null before there is a migration.</summary>
    public static string? StatusOf(JsonElement state) => state.TryGetProperty("status", out JsonElement status) ? status.GetString() : null;
}
