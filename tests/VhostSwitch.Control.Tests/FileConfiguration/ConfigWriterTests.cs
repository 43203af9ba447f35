using VhostSwitch.Control.FileConfiguration;

namespace VhostSwitch.Control.Tests.FileConfiguration;

public class ConfigWriterTests
{
    [Fact]
    public void WhatIsWrittenIsReadAgain()
    {
        var root = Files.Everything();
        string text = Files.Text(root);
        Assert.Equal(text, Files.Text(Files.Read(text)));
        foreach (string name in ConfigTable.All.SelectMany(table => table.Columns).SelectMany(column => column.Keys.Select(key => key.Name).Append(column.Name)))
            Assert.Contains($"\"{name}\": ", text);
    }

    [Fact]
    public void ReadsLikeThis() => Assert.Equal(
        """
        {
          "other_config": {
            "userspace-tso-enable": true
          },
          "bridges": [
            {
              "name": "br0",
              "ports": [
                {
                  "name": "p0",
                  "type": "dpdkvhostuser",
                  "trunks": [1, 2]
                },
                {
                  "name": "p1",
                  "type": "dpdkvhostuser"
                }
              ],
              "mirrors": [
                {
                  "name": "m",
                  "select_src_port": ["p0", "p1"]
                }
              ]
            }
          ]
        }

        """,
        Files.Text(Files.Edit(Files.Plain,
            "set port p0 trunks=2,1 -- add-mirror br0 m select_src_port=p1,p0 -- set open . other_config:userspace-tso-enable=true")));
}
